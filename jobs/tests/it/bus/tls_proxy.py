"""Ends TLS in front of a server that does not speak it.

tls_proxy.py CERTIFICATE PORT listens on a port of localhost, prints it, and passes everything on to PORT. It ends with
its standard input.
"""

import asyncio
import os
import ssl
import sys


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(certificate, port):
    async def serve(reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # whatever is still connected
    os._exit(0)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
