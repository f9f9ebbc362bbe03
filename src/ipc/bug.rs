//! What becomes of a panic: a bug of ours, which may cost the call or the
//! connection it happened in, but neither the process nor anybody's wait.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::task::Poll;

use super::error::{Error, ErrorCode};
use super::notice::{Notice, Sink};

/// What those are told whom a bug has cost something.
pub(crate) const TEXT: &str = "A bug in smartipc-native; please report it";

/// The error that stands for a panic, which has been printed.
pub(crate) fn error() -> Error {
    Error::local(ErrorCode::Internal, TEXT)
}

/// Makes an error of a panic.
///
/// # Errors
/// If `call` panics. Whatever it was changing is to be given up by the caller.
pub(crate) fn contain<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| error())
}

/// The same for a task.
///
/// # Errors
/// As of [`contain`].
pub(crate) async fn contained<T>(task: impl Future<Output = T>) -> Result<T, Error> {
    let mut task = pin!(task);
    poll_fn(|context| match contain(|| task.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(error) => Poll::Ready(Err(error)),
    })
    .await
}

/// Tells the owner of an endpoint, and counts it.
pub(crate) fn report(sink: &dyn Sink, error: &Error) {
    let _ = contain(|| sink.notify(0, Notice::Fault(error.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_wherever_it_comes() {
        assert_eq!(contain(|| 1), Ok(1));
        assert_eq!(contain(|| panic!("on purpose")), Err::<(), _>(error()));
        assert_eq!(contained(async { 1 }).await, Ok(1));
        let later = async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        };
        assert_eq!(contained(later).await, Err::<(), _>(error()));
    }
}
