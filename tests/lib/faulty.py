"""A file system in memory whose requests fail when they are told to, as those of a sick disk or a full quota do.

    faulty.py DIR       mounted at DIR until end of file; reads lines "REQUEST ERRNO" and answers each with one

It speaks to /dev/fuse itself. The kernel keeps nothing of it: every call comes as a request. Needs root, to mount.
"""

import ctypes
import errno
import os
import select
import stat
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
DIRECT_IO = 1
REQUESTS = {
    1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 6: "symlink", 8: "mknod", 9: "mkdir", 10: "unlink", 11: "rmdir",
    12: "rename", 13: "link", 14: "open", 15: "read", 16: "write", 17: "statfs", 18: "release", 20: "fsync", 21: "setxattr", 22: "getxattr",
    23: "listxattr", 24: "removexattr", 25: "flush", 26: "init", 27: "opendir", 28: "readdir", 29: "releasedir", 30: "fsyncdir", 35: "create",
    42: "batch_forget", 43: "fallocate", 45: "rename2", 46: "lseek", 47: "copy_file_range",
}  # fmt: skip


class Node:
    def __init__(self, number, mode):
        self.number, self.mode, self.links = number, mode, 1
        self.uid = self.gid = self.mtime = self.atime = 0
        self.data, self.names, self.xattrs = bytearray(), {}, {}

    def attributes(self):
        size = len(self.data)
        return struct.pack("<6Q10I", self.number, size, (size + 511) // 512, self.atime, self.mtime, 0, 0, 0, 0, self.mode, self.links, self.uid, self.gid, 0, 4096, 0)


def words(text):
    return text.rstrip(b"\0").split(b"\0")


class Disk:
    """Each method is a request: (node, body) -> the answer's bytes. OSError is the other answer."""

    def __init__(self):
        self.nodes = {1: Node(1, stat.S_IFDIR | 0o755)}
        self.root = self.nodes[1]

    # ---- names ----

    def entry(self, node):
        return struct.pack("<4Q2I", node.number, 0, 0, 0, 0, 0) + node.attributes()

    def child(self, directory, name):
        if name not in directory.names:
            raise OSError(errno.ENOENT, "")
        return directory.names[name]

    def make(self, directory, name, mode, data=b""):
        if name in directory.names:
            raise OSError(errno.EEXIST, "")
        node = Node(len(self.nodes) + 1, mode)
        node.data += data
        self.nodes[node.number] = directory.names[name] = node
        return self.entry(node)

    def lookup(self, d, body):
        return self.entry(self.child(d, words(body)[0]))

    def mknod(self, d, body):
        return self.make(d, words(body[16:])[0], struct.unpack_from("<I", body)[0])

    def mkdir(self, d, body):
        return self.make(d, words(body[8:])[0], struct.unpack_from("<I", body)[0] | stat.S_IFDIR)

    def symlink(self, d, body):
        name, target = words(body)
        return self.make(d, name, stat.S_IFLNK | 0o777, target)

    def create(self, d, body):
        name = words(body[16:])[0]
        entry = self.make(d, name, struct.unpack_from("<4I", body)[1]) if name not in d.names else self.lookup(d, name)
        return entry + self.open(None, None)

    def link(self, d, body):
        node = self.nodes[struct.unpack_from("<Q", body)[0]]
        d.names[words(body[8:])[0]] = node
        node.links += 1
        return self.entry(node)

    def unlink(self, d, body):
        name = words(body)[0]
        self.child(d, name).links -= 1
        del d.names[name]

    rmdir = unlink

    def move(self, d, to, names):
        old, new = names
        node = self.child(d, old)
        if new in to.names:
            to.names[new].links -= 1
        del d.names[old]
        to.names[new] = node

    def rename(self, d, body):
        self.move(d, self.nodes[struct.unpack_from("<Q", body)[0]], words(body[8:]))

    def rename2(self, d, body):
        self.move(d, self.nodes[struct.unpack_from("<Q", body)[0]], words(body[16:]))

    def readlink(self, node, body):
        return bytes(node.data)

    def readdir(self, d, body):
        offset, size = struct.unpack_from("<QI", body, 8)
        out = b""
        for n, (name, node) in enumerate(list(d.names.items())[offset:], offset + 1):
            one = struct.pack("<QQII", node.number, n, len(name), node.mode >> 12) + name
            one += bytes(-len(one) % 8)
            if len(out) + len(one) > size:
                break
            out += one
        return out

    # ---- content ----

    def open(self, node, body):
        return struct.pack("<QII", 0, DIRECT_IO, 0)

    def opendir(self, node, body):
        return struct.pack("<QII", 0, 0, 0)

    def read(self, node, body):
        offset, size = struct.unpack_from("<QI", body, 8)
        return bytes(node.data[offset : offset + size])

    def put(self, node, offset, data):
        node.data.extend(bytes(max(0, offset - len(node.data))))
        node.data[offset : offset + len(data)] = data

    def write(self, node, body):
        offset, size = struct.unpack_from("<QI", body, 8)
        self.put(node, offset, body[40 : 40 + size])
        return struct.pack("<II", size, 0)

    def fallocate(self, node, body):
        _, offset, length, mode = struct.unpack_from("<QQQI", body)
        if mode == 0 and len(node.data) < offset + length:
            node.data.extend(bytes(offset + length - len(node.data)))

    def lseek(self, node, body):
        _, offset, whence = struct.unpack_from("<QQI", body)
        return struct.pack("<Q", offset if whence == os.SEEK_DATA else len(node.data))

    def copy_file_range(self, node, body):
        _, at, to, _, to_at, size, _ = struct.unpack_from("<7Q", body)
        data = node.data[at : at + size]
        self.put(self.nodes[to], to_at, data)
        return struct.pack("<II", len(data), 0)

    # ---- attributes ----

    def getattr(self, node, body):
        return struct.pack("<QII", 0, 0, 0) + node.attributes()

    def setattr(self, node, body):
        valid, _, _, size, _, atime, mtime, _, _, _, _, mode, _, uid, gid = struct.unpack_from("<II6Q7I", body)
        if valid & 1:
            node.mode = mode
        if valid & 2:
            node.uid = uid
        if valid & 4:
            node.gid = gid
        if valid & 8:
            del node.data[size:]
            self.put(node, size, b"")
        if valid & 16:
            node.atime = atime
        if valid & 32:
            node.mtime = mtime
        return self.getattr(node, None)

    def setxattr(self, node, body):
        size = struct.unpack_from("<I", body)[0]
        name = words(body[8 : len(body) - size])[0]
        node.xattrs[name] = body[len(body) - size :]

    def told(self, value, size):
        if size and size < len(value):
            raise OSError(errno.ERANGE, "")
        return value if size else struct.pack("<II", len(value), 0)

    def getxattr(self, node, body):
        name = words(body[8:])[0]
        if name not in node.xattrs:
            raise OSError(errno.ENODATA, "")
        return self.told(node.xattrs[name], struct.unpack_from("<I", body)[0])

    def listxattr(self, node, body):
        return self.told(b"".join(name + b"\0" for name in node.xattrs), struct.unpack_from("<I", body)[0])

    def removexattr(self, node, body):
        if node.xattrs.pop(words(body)[0], None) is None:
            raise OSError(errno.ENODATA, "")

    # ---- the rest ----

    def statfs(self, node, body):
        return struct.pack("<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1000, 900, 4096, 255, 4096, 0)

    def nothing(self, node, body):
        return b""

    release = releasedir = flush = fsync = fsyncdir = nothing

    def init(self, node, body):
        major, minor, ahead, flags = struct.unpack_from("<4I", body)
        return struct.pack("<4IHHIIHH8I", 7, min(minor, 31), ahead, flags & (1 << 5), 16, 12, 1 << 17, 1, 32, 0, *[0] * 8)[:64]


class Server:
    def __init__(self, where):
        self.disk, self.where, self.armed = Disk(), where, {}
        self.dev = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        data = f"fd={self.dev},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        if libc.mount(b"faulty", os.fsencode(where), b"fuse.faulty", 6, data.encode()):
            raise OSError(ctypes.get_errno(), "mount")

    def answer(self, unique, error, body=b""):
        try:
            os.write(self.dev, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)
        except OSError as e:
            if e.errno != errno.ENOENT:  # interrupted meanwhile
                raise

    def serve(self):
        packet = os.read(self.dev, 1 << 18)
        _, opcode, unique, nodeid = struct.unpack_from("<IIQQ", packet)
        name = REQUESTS.get(opcode)
        if name in ("forget", "batch_forget"):
            return
        if name is None:
            self.answer(unique, errno.ENOSYS)
        elif name in self.armed:
            self.answer(unique, self.armed[name])
        else:
            try:
                body = getattr(self.disk, name)(self.disk.nodes.get(nodeid), packet[40:])
                self.answer(unique, 0, body or b"")
            except OSError as e:
                self.answer(unique, e.errno)

    def command(self, line):
        name, number = line.split()
        self.armed.pop(name, None)
        if int(number):
            self.armed[name] = int(number)
        print("armed", flush=True)

    def run(self):
        print("mounted", flush=True)
        poll = select.poll()
        poll.register(self.dev, select.POLLIN)
        poll.register(0, select.POLLIN | select.POLLHUP)
        while True:
            for fd, event in poll.poll():
                if fd == self.dev:
                    if event & select.POLLERR:
                        return  # unmounted
                    self.serve()
                elif not (line := os.read(0, 100)):
                    return
                else:
                    self.command(line.decode())


if __name__ == "__main__":
    Server(sys.argv[1]).run()
