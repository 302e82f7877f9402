//! Requests that ask for another protocol.

use std::future::{Future, poll_fn, ready};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::{Encoder as _, Framed, FramedParts};
use actix_http::body::{BodySize, BoxBody, MessageBody as _};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, Request, Response};
use actix_web::Error;
use actix_web::dev::{Service, ServiceResponse, always_ready};
use actix_web::rt::net::TcpStream;
use bytes::BytesMut;
use futures_util::future::LocalBoxFuture;
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

/// What serves a connection from now on; it gives back what is still to be closed.
type Serving = LocalBoxFuture<'static, Option<TcpStream>>;

/// Among the extensions of an answer: what serves the connection after it.
pub(crate) struct Takeover(Box<dyn FnOnce(TcpStream, BytesMut) -> Serving>);

impl Takeover {
    /// By `serve`, which gets the connection and what was already read of it, and
    /// gives back what is still to be closed.
    pub(crate) fn new<F>(serve: impl FnOnce(TcpStream, BytesMut) -> F + 'static) -> Self
    where
        F: Future<Output = Option<TcpStream>> + 'static,
    {
        Self(Box::new(move |stream, read| Box::pin(serve(stream, read))))
    }
}

/// Asks the application as for any request. With its answer the connection is
/// handed over or, if nobody takes it, closed.
pub(super) struct Upgrade<S> {
    pub(super) app: S,
    pub(super) linger: Duration,
}

impl<S> Service<(Request, Framed<TcpStream, Codec>)> for Upgrade<Rc<S>>
where
    S: Service<Request, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<(), Error>>;

    always_ready!();

    fn call(&self, (request, framed): (Request, Framed<TcpStream, Codec>)) -> Self::Future {
        let (app, linger) = (Rc::clone(&self.app), self.linger);
        // In a box of its own, which is gone while a socket lives.
        let answering = Box::pin(async move {
            let response = app.call(request).await.map_or_else(Response::from, Response::from);
            answer(response, framed.into_parts()).await
        });
        Box::pin(async move {
            // How a connection broke is no news to anybody.
            let Ok(serving) = answering.await else { return Ok(()) };
            if let Some(stream) = serving.await {
                // Nor is how it ended.
                let _ = Box::pin(timeout(linger, close(stream))).await;
            }
            Ok(())
        })
    }
}

/// Writes an answer, after those that still wait, and says who serves the connection then.
async fn answer(
    response: Response<BoxBody>,
    parts: FramedParts<TcpStream, Codec>,
) -> io::Result<Serving> {
    let FramedParts { io: mut stream, mut codec, read_buf, write_buf: mut out, .. } = parts;
    let (mut head, body) = response.into_parts();
    let takeover = head.extensions_mut().remove::<Takeover>();
    if let Some(Takeover(serve)) = takeover {
        codec.encode(Message::Item((head, BodySize::None)), &mut out)?;
        stream.write_all(&out).await?;
        return Ok(serve(stream, read_buf));
    }
    head.head_mut().set_connection_type(ConnectionType::Close);
    codec.encode(Message::Item((head, body.size())), &mut out)?;
    tokio::pin!(body);
    loop {
        let chunk = poll_fn(|cx| body.as_mut().poll_next(cx)).await.transpose();
        let chunk = chunk.map_err(|_| ErrorKind::BrokenPipe)?;
        let is_last = chunk.is_none();
        codec.encode(Message::Chunk(chunk), &mut out)?;
        stream.write_all(&out).await?;
        out.clear();
        if is_last {
            return Ok(Box::pin(ready(Some(stream))));
        }
    }
}

/// Says that nothing more comes, and reads until the peer says so too: a
/// connection that is cut before may take the last words with it.
async fn close(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).shutdown(Shutdown::Write)?;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}
