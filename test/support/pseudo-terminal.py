"""Runs a program in a terminal of its own, and plays somebody who sits before it.

Standard input has one order a line, as JSON: {"keys": "q"}, {"size": [columns, rows]}. What the
program writes goes to standard output as it is. Ends with the exit code of the program.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    columns, rows, *command = json.loads(sys.argv[1])
    pid, fd = pty.fork()
    if pid == 0:
        resize(0, columns, rows)
        os.execvp(command[0], command)
    orders = b""
    sources = [fd, 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if fd in ready:
            try:
                seen = os.read(fd, 65536)
            except OSError:
                break
            if not seen:
                break
            os.write(1, seen)
        if 0 in ready:
            more = os.read(0, 65536)
            if not more:
                sources.remove(0)
            orders += more
            while b"\n" in orders:
                line, orders = orders.split(b"\n", 1)
                order = json.loads(line)
                if "keys" in order:
                    os.write(fd, order["keys"].encode())
                if "size" in order:
                    resize(fd, *order["size"])
                    os.kill(pid, signal.SIGWINCH)
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 255)


main()
