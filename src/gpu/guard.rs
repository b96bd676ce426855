//! Calls into a driver, each from a thread that may be given up.
//!
//! A faulty driver blocks where it is not expected: wgpu's wait has a time limit, but behind it are
//! locks which a submission holds that never returns; dropping a queue waits for its work without a
//! limit; and waiting on a lost device panics. So any call that touches the device runs on threads
//! of its own, and the caller waits for their answer as long as it is ready to. A device that
//! failed once is never used again and never dropped.

use std::mem::{self, ManuallyDrop};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::DeviceError;

/// The health of a device: its first failure, if there was one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Mutex<Option<DeviceError>>>);

impl Health {
    /// Returns the first failure as an error, if there was one.
    pub(crate) fn check(&self) -> Result<(), DeviceError> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }

    /// Records a failure, and returns the first: what follows a failure says little.
    pub(crate) fn fails(&self, failure: DeviceError) -> DeviceError {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure).clone()
    }
}

/// A device and the threads that alone touch it.
#[derive(Debug)]
pub(crate) struct Guarded<D> {
    device: Arc<D>,
    health: Health,
    /// Queue of the calls that the threads take; `None` while the device is dropped.
    calls: Option<mpsc::Sender<Call<D>>>,
    threads: Vec<JoinHandle<()>>,
}

type Call<D> = Box<dyn FnOnce(&D) + Send>;

impl<D: Send + Sync + 'static> Guarded<D> {
    /// Opens a device, within `patience`, and starts threads for as many calls at a time.
    pub(crate) fn open(
        name: &str,
        threads: usize,
        patience: Duration,
        open: impl FnOnce(&Health) -> Result<D, DeviceError> + Send + 'static,
    ) -> Result<Self, DeviceError> {
        let health = Health::default();
        let (answer, opened) = answer();
        let told = health.clone();
        spawn(name, move || {
            // The device is given up where the caller no longer waits for it.
            if let Err(device) = answer.send(open(&told)) {
                mem::forget(device);
            }
        })?;
        let device = Arc::new(opened.wait(patience, &health)?);

        let (calls, queue) = mpsc::channel::<Call<D>>();
        let queue = Arc::new(Mutex::new(queue));
        let serve = |_| {
            let (device, queue) = (device.clone(), queue.clone());
            spawn(name, move || {
                loop {
                    let call = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(call) = call else { break };
                    call(&device);
                }
            })
        };
        let threads = (0..threads).map(serve).collect::<Result<_, _>>()?;
        Ok(Self { device, health, calls: Some(calls), threads })
    }

    /// Returns the device, for what does not go to its driver.
    pub(crate) fn get(&self) -> &D {
        &self.device
    }

    /// Has a thread do something with the device, and waits for it no longer than `patience`.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce(&D) -> Result<T, DeviceError> + Send + 'static,
    ) -> Result<T, DeviceError> {
        self.health.check()?;
        let (answer, result) = answer();
        let call = Box::new(move |device: &D| {
            // No receiver is left where the wait was given up.
            let _ = answer.send(call(device));
        });
        let calls = self.calls.as_ref().ok_or_else(|| self.health.fails(gone()))?;
        calls.send(call).map_err(|_| self.health.fails(gone()))?;
        result.wait(patience, &self.health)
    }

    /// Has a thread drop what is the device's, after the calls before: dropping may block as every
    /// call may, and is not waited for. What a device had that failed is never dropped.
    pub(crate) fn discard<T: Send + 'static>(&self, thing: T) {
        // Nor is it dropped with a call that no thread takes any more.
        let thing = ManuallyDrop::new(thing);
        let call = Box::new(move |_: &D| drop(ManuallyDrop::into_inner(thing)));
        if let (Ok(()), Some(calls)) = (self.health.check(), &self.calls) {
            // The threads are gone where a call panicked, which its caller hears of.
            let _ = calls.send(call);
        }
    }
}

impl<D> Drop for Guarded<D> {
    fn drop(&mut self) {
        drop(self.calls.take());
        let start = Instant::now();
        let done = || self.threads.iter().all(JoinHandle::is_finished);
        while self.health.check().is_ok() && !done() && start.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(1));
        }
        if self.health.check().is_err() || !done() {
            mem::forget(self.device.clone());
        }
    }
}

/// Where a call leaves its answer, and how it signals that. A channel of answers would be
/// compiled for each type of them, which took a fifteenth of the time for this crate.
struct Answer<T> {
    place: Arc<Mutex<Place<T>>>,
    is_there: mpsc::Sender<()>,
}

/// The other side, for the caller that waits for the answer.
struct Answered<T> {
    place: Arc<Mutex<Place<T>>>,
    is_there: mpsc::Receiver<()>,
}

/// An answer on its way.
enum Place<T> {
    Waiting,
    There(Result<T, DeviceError>),
    /// The caller no longer waits for it.
    GivenUp,
}

fn answer<T>() -> (Answer<T>, Answered<T>) {
    let (sender, receiver) = mpsc::channel();
    let place = Arc::new(Mutex::new(Place::Waiting));
    (Answer { place: Arc::clone(&place), is_there: sender }, Answered { place, is_there: receiver })
}

impl<T> Answer<T> {
    /// Gives the answer back where the caller no longer waits for it.
    fn send(self, answer: Result<T, DeviceError>) -> Result<(), Result<T, DeviceError>> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Place::GivenUp = *place {
            return Err(answer);
        }
        *place = Place::There(answer);
        drop(place);
        // Who waits looks at the place, however the waiting ends.
        let _ = self.is_there.send(());
        Ok(())
    }
}

impl<T> Answered<T> {
    /// Waits for the answer no longer than `patience`: the answer, or how the device failed to give one.
    fn wait(self, patience: Duration, health: &Health) -> Result<T, DeviceError> {
        let ended = self.is_there.recv_timeout(patience);
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = mem::replace(&mut *place, Place::GivenUp);
        drop(place);
        match (answer, ended) {
            // A buffer that there is no memory for is no failure of the device.
            (Place::There(Err(DeviceError::OutOfMemory)), _) => {
                health.check().and(Err(DeviceError::OutOfMemory))
            }
            (Place::There(answer), _) => answer.map_err(|failure| health.fails(failure)),
            (_, Err(mpsc::RecvTimeoutError::Timeout)) => {
                Err(health.fails(DeviceError::Hung(patience)))
            }
            _ => Err(health.fails(gone())),
        }
    }
}

/// Returns the failure of a thread that ended without an answer, as it does when wgpu panics.
fn gone() -> DeviceError {
    DeviceError::Lost("the interface to it panicked".to_owned())
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DeviceError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error| DeviceError::Refused(format!("no thread for it: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that signals when it is dropped.
    struct Device(mpsc::Sender<()>);

    impl Drop for Device {
        fn drop(&mut self) {
            // The test may have ended.
            let _ = self.0.send(());
        }
    }

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(20);

    fn open() -> (Guarded<Device>, mpsc::Receiver<()>) {
        let (dropped, is_dropped) = mpsc::channel();
        let device = Guarded::open("test", 2, LONG, |_| Ok(Device(dropped)));
        (device.expect("threads"), is_dropped)
    }

    #[test]
    fn calls_are_answered_and_a_healthy_device_is_dropped() {
        let (device, dropped) = open();
        assert_eq!(device.call(LONG, |_| Ok(5)), Ok(5));
        drop(device);
        assert_eq!(dropped.recv_timeout(LONG), Ok(()));
    }

    #[test]
    fn a_call_that_does_not_end_is_given_up_with_the_device() {
        let (device, dropped) = open();
        let (_hold, never) = mpsc::channel::<()>();
        let blocked = device.call(SHORT, move |_| {
            // Ends with the test, which holds the other side.
            let _ = never.recv();
            Ok(())
        });
        assert_eq!(blocked, Err(DeviceError::Hung(SHORT)));
        assert_eq!(device.call(LONG, |_| Ok(())), Err(DeviceError::Hung(SHORT)));
        drop(device);
        assert_eq!(dropped.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));
    }

    #[test]
    fn a_panic_and_an_error_are_failures_and_the_first_of_them_stays() {
        let (device, dropped) = open();
        let panicked = device.call(LONG, |_| -> Result<(), _> { panic!("as wgpu does") });
        assert!(matches!(panicked, Err(DeviceError::Lost(_))), "{panicked:?}");
        assert_eq!(device.call(LONG, |_| Ok(())), panicked);
        drop(device);
        assert_eq!(dropped.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));

        let (device, _) = open();
        let refused = DeviceError::Refused("first".to_owned());
        let failed = device.call(LONG, {
            let refused = refused.clone();
            |_| Err::<(), _>(refused)
        });
        assert_eq!(failed, Err(refused.clone()));
        device.health.fails(DeviceError::Lost("later".to_owned()));
        assert_eq!(device.call(LONG, |_| Ok(())), Err(refused));
    }

    #[test]
    fn a_device_without_memory_for_a_buffer_is_well() {
        let (device, dropped) = open();
        let none = device.call(LONG, |_| Err::<(), _>(DeviceError::OutOfMemory));
        assert_eq!(none, Err(DeviceError::OutOfMemory));
        assert_eq!(device.call(LONG, |_| Ok(5)), Ok(5));
        drop(device);
        assert_eq!(dropped.recv_timeout(LONG), Ok(()));
        // Where it was lost for want of memory, that is another thing.
        let (device, _dropped) = open();
        let lost = DeviceError::Lost("first".to_owned());
        let (health, told) = (device.health.clone(), lost.clone());
        let call = device.call(LONG, move |_| -> Result<(), _> {
            health.fails(told);
            Err(DeviceError::OutOfMemory)
        });
        assert_eq!(call, Err(lost));
    }

    #[test]
    fn what_is_discarded_is_dropped_by_a_thread_in_its_turn() {
        struct Thing(mpsc::Sender<Option<String>>);
        impl Drop for Thing {
            fn drop(&mut self) {
                // The test may have ended.
                let _ = self.0.send(thread::current().name().map(str::to_owned));
            }
        }
        let (device, _dropped) = open();
        let (dropped, is_dropped) = mpsc::channel();
        device.discard(Thing(dropped));
        assert_eq!(is_dropped.recv_timeout(LONG), Ok(Some("test".to_owned())));
    }

    #[test]
    fn what_a_device_had_that_failed_is_never_dropped() {
        // The device failed before.
        let (device, _dropped) = open();
        let (told, is_told) = mpsc::channel();
        device.health.fails(DeviceError::OutOfMemory);
        device.discard(Device(told));
        drop(device);
        assert_eq!(is_told.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));

        // It fails while this waits for its turn: the only thread ends, and none takes it.
        let (dropped, _dropped) = mpsc::channel();
        let opened = Guarded::open("test", 1, LONG, |_| Ok(Device(dropped)));
        let device = opened.expect("a thread");
        let (told, is_told) = mpsc::channel();
        let (begins, has_begun) = mpsc::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                device.call(LONG, move |_| -> Result<(), _> {
                    begins.send(()).expect("the test waits for it");
                    // Ends when the test says so, or with the test.
                    let _ = waits.recv();
                    panic!("as wgpu does")
                })
            });
            assert_eq!(has_begun.recv_timeout(LONG), Ok(()));
            device.discard(Device(told));
            go_on.send(()).expect("the call waits for it");
            let panicked = panics.join().expect("it returns what happened");
            assert!(matches!(panicked, Err(DeviceError::Lost(_))), "{panicked:?}");
        });
        while !device.threads[0].is_finished() {
            thread::yield_now();
        }
        drop(device);
        assert_eq!(is_told.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));
    }

    #[test]
    fn a_device_that_does_not_open_is_not_waited_for() {
        let opened = Guarded::<Device>::open("test", 1, SHORT, |_| {
            thread::sleep(SHORT * 10);
            Err(DeviceError::OutOfMemory)
        });
        assert!(matches!(opened, Err(DeviceError::Hung(SHORT))));
        let opened = Guarded::<Device>::open("test", 1, LONG, |_| Err(DeviceError::OutOfMemory));
        assert!(matches!(opened, Err(DeviceError::OutOfMemory)));
    }
}
