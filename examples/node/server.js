// A web server that says hello. hrfs holds its listening socket and passes it on as descriptor 3 (LISTEN_FDS);
// alone it binds 127.0.0.1:$PORT itself.
'use strict';

const http = require('node:http');

const greeting = 'Hello from Node';

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', Connection: 'close' });
  response.end(`${greeting}\n`);
});

const where = process.env.LISTEN_FDS
  ? { fd: 3 }
  : { host: '127.0.0.1', port: Number(process.env.PORT || 8082) };

server.listen(where, () => console.log(`${greeting}, process ${process.pid}`));

// what has been accepted is answered; new connections wait in the socket that hrfs holds
process.on('SIGTERM', () => server.close());
