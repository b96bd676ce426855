//! Questions to drivers, which may never answer: asked in a thread of their own, which is left behind
//! then.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longest wait for a file of a driver: longer than any that works was seen to take.
pub(super) const FILE: Duration = Duration::from_secs(2);

/// Returns the answer, or `None` if it takes longer than `patience`, panics, or the system gives no
/// thread.
pub(super) fn within<T: Send + 'static>(
    patience: Duration,
    ask: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = mpsc::channel();
    let asking = thread::Builder::new().name("perjoule driver".to_owned()).spawn(move || {
        // No receiver is left where it was given up.
        let _ = answer.send(ask());
    });
    asking.ok()?;
    answered.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_answers_is_not_waited_for() {
        assert_eq!(within(FILE, || 7), Some(7));
        let (hold, held) = mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(1), move || held.recv().is_ok()), None);
        drop(hold);
    }
}
