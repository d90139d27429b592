// A web server that says hello. hrfs holds its listening socket and passes it on as descriptor 3 (LISTEN_FDS);
// alone it binds 127.0.0.1:$PORT itself.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const greeting = "Hello from Go"

func listen() (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "listen"))
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8081"
	}
	return net.Listen("tcp", "127.0.0.1:"+port)
}

func main() {
	listener, err := listen()
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, greeting)
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 2 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	done := make(chan struct{})
	go func() {
		<-ctx.Done()
		// what has been accepted is answered; new connections wait in the socket that hrfs holds
		patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		server.Shutdown(patience)
		close(done)
	}()
	log.Printf("%s, process %d", greeting, os.Getpid())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-done
}
