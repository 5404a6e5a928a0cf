"""Serve the console on 127.0.0.1:PORT, with its loops, as `manage.py up` does after its set-up."""

import sys

import django


def main() -> None:
    django.setup()
    from console.launch import Listen
    from console.server import Server

    Server(Listen("127.0.0.1", int(sys.argv[1])), None, lambda: None).run()


if __name__ == "__main__":
    main()
