"""A TLS stream as a Python object: the ssl module's TLS over any abio stream.

`abio.Stream.from_object(TlsStream(...))` is then a stream like any other.  Its methods are
coroutines; ssl.SSLObject does the cryptography in memory and says when it needs the other side.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Optional

import abio

PART = 64 * 1024


class TlsStream:
    """One end of a TLS connection over `inner`, which it closes when it is closed."""

    def __init__(
        self,
        inner: abio.Stream,
        context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        server_side: bool = False,
    ) -> None:
        self.inner = inner
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side, server_hostname)
        self.plain = b""  # decrypted before its time
        self.sending: Optional[asyncio.Task[None]] = None
        self.said_goodbye = False

    async def handshake(self) -> None:
        """Agrees on keys; raises ssl.SSLCertVerificationError for a peer that is not trusted."""
        while True:
            try:
                self.tls.do_handshake()
                await self._send()
                return
            except ssl.SSLWantReadError:
                await self._send()
                await self._receive()
            except ssl.SSLError:
                await self._send()  # the alert that tells the peer why
                raise

    async def read(self, n: int) -> bytes:
        """At least one byte, at most `n`; b"" when the peer has said that no more comes."""
        if self.plain:
            data, self.plain = self.plain[:n], self.plain[n:]
            return data
        while True:
            try:
                return self.tls.read(n)
            except ssl.SSLWantReadError:
                # Nothing is taken out of the TLS object yet: cancelled here, nothing is lost.
                # What is to be sent is not waited for: both ends may be full of the other's bytes.
                self._begin_sending()
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    async def write(self, data: bytes) -> int:
        """Encrypts and sends some of `data`."""
        taken = self.tls.write(data)
        try:
            await self._send()
        except asyncio.CancelledError:
            pass  # it is taken all the same, and on its way
        return taken

    async def write_eof(self) -> None:
        """Tells the peer, in a way nobody can forge, that no more comes."""
        if not self.said_goodbye:
            self.said_goodbye = True
            self._decrypt_all()  # unwrap drops what it finds
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it wants the peer's goodbye too; that is for read
            await self._send()

    def _decrypt_all(self) -> None:
        try:
            while data := self.tls.read(PART):
                self.plain += data
        except ssl.SSLError:
            pass  # read will see it again

    async def aclose(self) -> None:
        try:
            await self.write_eof()
        except OSError:
            pass  # the peer is gone already
        await self.inner.aclose()

    def _begin_sending(self) -> None:
        if self.outgoing.pending:
            sending = self.inner.write(self.outgoing.read())
            self.sending = asyncio.get_running_loop().create_task(sending)

    async def _send(self) -> None:
        """Sends what is encrypted; cancelled, it goes on in the background."""
        self._begin_sending()
        if self.sending is not None:
            await asyncio.shield(self.sending)

    async def _receive(self) -> None:
        data = await self.inner.read(PART)
        if not data:
            # Anybody can cut a connection off: that is not the end the peer meant.
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer is gone without a goodbye")
        self.incoming.write(data)


async def connect(host: str, port: int, context: ssl.SSLContext) -> abio.Stream:
    """A TLS stream to a server whose certificate is for `host`."""
    return await wrap(await abio.connect(host, port), context, server_hostname=host)


async def wrap(
    inner: abio.Stream,
    context: ssl.SSLContext,
    server_hostname: Optional[str] = None,
    server_side: bool = False,
) -> abio.Stream:
    """A TLS stream over a connected one."""
    tls = TlsStream(inner, context, server_hostname, server_side)
    try:
        await tls.handshake()
    except BaseException:
        inner.close()
        raise
    return abio.Stream.from_object(tls)
