"""A mail server, the Python package aiosmtpd: python mail.py <options in JSON>

tls: none, starttls or implicit, with cert and key (paths); user and password: who may sign in; mechanism: the only way
to sign in; rcpt: answers to recipients; data: the answer to messages; utf8: whether it takes addresses beyond ASCII;
repeats: whether it repeats wrong passwords.
Writes a line of JSON for each mail that it takes.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

options = json.loads(sys.argv[1])
# Tests say what fails, and some make clients give up.
logging.disable()
warnings.simplefilter("ignore")


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = options.get("rcpt", {}).get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "data" in options:
            return options["data"]
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode(),
            "signed_in": session.authenticated,
            "encrypted": session.ssl is not None or options["tls"] == "implicit",
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = LoginPassword(options["user"].encode(), options["password"].encode())
    if data == right:
        return AuthResult(success=True)
    # Servers that repeat what they were told exist.
    told = options.get("repeats") and f"535 5.7.8 no such password: {data.password.decode()}"
    return AuthResult(success=False, handled=False, message=told or None)


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


def protocol():
    more = {}
    if "user" in options:
        more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": options["tls"] == "starttls"}
        every = {"PLAIN", "LOGIN"}
        more["auth_exclude_mechanism"] = every - {options.get("mechanism", "PLAIN")}
    if options["tls"] == "starttls":
        more |= {"tls_context": context(), "require_starttls": True}
    return SMTP(Handler(), hostname="mail.test", enable_SMTPUTF8=options.get("utf8", False), **more)


def context():
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(options["cert"], options["key"])
    return made


async def main():
    implicit = context() if options["tls"] == "implicit" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    print(f"listens at {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


threading.Thread(target=end_with_parent, daemon=True).start()
asyncio.run(main())
