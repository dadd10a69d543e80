//! Small answers in one piece: a head and a body that the library hands over apart are put together, since copying some
//! hundred bytes is cheaper than telling the system, or TLS, about two places.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is longer stays apart.
const MOST_BYTES: usize = 16 * 1024;

/// A stream that is written to in one piece where that is small.
pub(crate) struct OnePiece<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for OnePiece<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OnePiece<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let stream = Pin::new(&mut self.0);
        if bytes > MOST_BYTES {
            return stream.poll_write_vectored(context, parts);
        }
        let mut whole = Vec::with_capacity(bytes);
        parts.iter().for_each(|part| whole.extend_from_slice(part));
        stream.poll_write(context, &whole)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Counts how often it is written to.
    struct Counted(Vec<usize>);

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_is_small_is_written_in_one_piece() {
        let mut stream = OnePiece(Counted(Vec::new()));
        let long = vec![7; MOST_BYTES];
        // Of what is too long this stream, which knows no parts, takes the first.
        for (parts, taken) in [([&b"head"[..], b"body"], 8), ([b"", b""], 0), ([b"h", &long], 1)] {
            let parts = parts.map(IoSlice::new);
            assert_eq!(stream.write_vectored(&parts).await.unwrap(), taken);
        }
        assert_eq!(stream.0.0, [8, 0, 1]);
    }

    #[tokio::test]
    async fn nothing_is_lost_where_only_some_of_it_is_taken() {
        let (client, server) = tokio::io::duplex(3);
        let writing = tokio::spawn(async move {
            let mut stream = OnePiece(server);
            let (head, body) = (b"a head and ".as_slice(), b"a body".as_slice());
            let mut all = [IoSlice::new(head), IoSlice::new(body)];
            let mut left = all.as_mut_slice();
            while !left.is_empty() {
                let written = stream.write_vectored(left).await.unwrap();
                IoSlice::advance_slices(&mut left, written);
            }
        });
        let mut text = String::new();
        let mut client = client;
        client.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap();
        assert_eq!(text, "a head and a body");
    }
}
