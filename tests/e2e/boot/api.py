"""Asks the local API: api.py METHOD PATH [FIELD]. Prints the answer's body, or one field of it (a.b.c).

Ends with 0 for a 2xx answer, with 1 otherwise, after the status on the standard error.
"""

import http.client
import json
import socket
import sys

SOCKET = "/run/onedesk/api.sock"


class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def main():
    method, path, *field = sys.argv[1:]
    connection = Local("localhost")
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    print(answer.status, file=sys.stderr)
    if answer.status // 100 != 2:
        print(body)
        return 1
    if field:
        value = json.loads(body)
        for name in field[0].split("."):
            value = value[name]
        print(value)
    else:
        print(body)
    return 0


sys.exit(main())
