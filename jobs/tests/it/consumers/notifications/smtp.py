"""A mail server that does as it is told.

smtp.py REPLY listens on a port of localhost, prints it, and answers every mail with REPLY, or, if that is "hang", with
nothing. Each mail that it takes is printed as a line of JSON. It ends with its standard input.
"""

import asyncio
import email
import email.policy
import json
import os
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, reply):
        self.reply = reply

    async def handle_DATA(self, server, session, envelope):
        if self.reply == "hang":
            await asyncio.sleep(3600)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail = {
            "to": envelope.rcpt_tos,
            "header_to": message["To"],
            "subject": message["Subject"],
            "id": message["Message-ID"],
            "body": message.get_content(),
        }
        print(json.dumps(mail), flush=True)
        return self.reply


async def main(reply):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(reply), hostname="test", loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # whatever is still connected
    os._exit(0)


asyncio.run(main(sys.argv[1]))
