//! Cards of NVIDIA that are made up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use perjoule::meter::fake::ManualClock;
use perjoule::meter::nvml::{Card, CardError, Identity, meter};
use perjoule::meter::{
    Conditions, Found, Meter, MeterError, Method, Recorder, Source, ThrottleReason, Why, Window,
    WindowNote,
};
use perjoule::units::{Celsius, Hertz, Joules, Watts};

use super::{domain, refusal, window};

/// What a card answers next; `None` is what it does not support.
#[derive(Clone, Debug)]
struct State {
    millijoules: Option<u64>,
    power: Option<u64>,
    lost: bool,
    conditions: Conditions,
}

#[derive(Clone, Debug)]
struct Made(Arc<Mutex<State>>);

impl Made {
    /// A card that has counted a kilojoule and takes 300 W.
    fn new() -> Self {
        let conditions = Conditions {
            core_clock: Some(Hertz::from_megahertz(1_980)),
            memory_clock: Some(Hertz::from_megahertz(2_619)),
            temperature: Some(Celsius::new(41)),
            power_limit: Some(Watts::new(700.0)),
            throttled: Some([].into()),
        };
        let (millijoules, power) = (Some(1_000_000), Some(300));
        Self(Arc::new(Mutex::new(State { millijoules, power, lost: false, conditions })))
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().expect("no test panics with it"));
    }

    fn meter(&self) -> Found {
        meter(Box::new(self.clone()))
    }

    fn ask<T>(&self, what: impl FnOnce(&State) -> Option<T>) -> Result<T, CardError> {
        let state = self.0.lock().expect("no test panics with it");
        if state.lost {
            return Err(CardError::Driver("GPU is lost".to_owned()));
        }
        what(&state).ok_or(CardError::NotSupported)
    }
}

impl Card for Made {
    fn identity(&self) -> Result<Identity, CardError> {
        let address = "00000000:C1:00.0".parse().expect("as the driver writes it");
        let [name, driver] = ["NVIDIA H200", "570.86.15"].map(str::to_owned);
        self.ask(|_| Some(Identity { name, address, driver }))
    }

    fn millijoules(&self) -> Result<u64, CardError> {
        self.ask(|state| state.millijoules)
    }

    fn power(&self) -> Result<Watts, CardError> {
        self.ask(|state| Some(Watts::from_milliwatts(state.power? * 1_000)))
    }

    fn conditions(&self) -> Conditions {
        self.0.lock().expect("no test panics with it").conditions.clone()
    }
}

/// A second in which the card counts so many joules.
fn second(card: &Made, meter: &mut dyn Meter, joules: u64) -> Result<Window, MeterError> {
    let count = |state: &mut State| {
        state.millijoules = state.millijoules.map(|before| before + joules * 1_000);
    };
    window(meter, &ManualClock::new(), 1.0, || card.set(count))
}

fn notes(window: &Window) -> Vec<String> {
    window.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_card_is_known_by_the_place_that_graphics_drivers_name() {
    let meter = Made::new().meter().expect("a card");
    let info = meter.info();
    assert_eq!((&info.domain, info.source), (&domain("gpu@0000:c1:00.0"), Source::Nvml));
    assert_eq!(info.detail, "NVIDIA H200, driver 570.86.15");
    assert_eq!(info.resolution, Some(Joules::from_millijoules(1)));
}

#[test]
fn a_counter_and_power_that_agree_are_no_matter_of_note() {
    let card = Made::new();
    let mut meter = card.meter().expect("a card");
    for joules in [300, 250, 370] {
        let window = second(&card, &mut *meter, joules).expect("energy");
        assert_eq!((window.energy, window.method), (Joules::new(joules as f64), Method::Counted));
        assert!(window.notes.is_empty(), "{:?}", window.notes);
    }
}

#[test]
fn a_counter_and_power_that_disagree_are_told() {
    let card = Made::new();
    let mut meter = card.meter().expect("a card");
    for (joules, apart) in [(600, 50), (150, 50), (230, 23)] {
        let window = second(&card, &mut *meter, joules).expect("energy");
        assert_eq!((window.energy, window.method), (Joules::new(joules as f64), Method::Counted));
        let text = format!(
            "counted {joules} J but integrated 300 J, {apart} % apart; the counter is \
            used, because it misses nothing between two readings"
        );
        assert_eq!(notes(&window), [text]);
        assert!(
            matches!(window.notes[..], [WindowNote::Disagree(check)] if check.difference() > 0.2)
        );
    }
}

#[test]
fn before_volta_power_is_integrated() {
    let card = Made::new();
    card.set(|state| state.millijoules = None);
    let mut meter = card.meter().expect("a card");
    assert_eq!(meter.info().resolution, None);
    let window = second(&card, &mut *meter, 999).expect("power");
    assert_eq!((window.energy, window.method), (Joules::new(300.0), Method::Integrated));
    assert_eq!((window.updates, notes(&window).len()), (1, 0));
}

#[test]
fn a_card_that_tells_no_power_still_counts() {
    let card = Made::new();
    card.set(|state| state.power = None);
    let mut meter = card.meter().expect("a card");
    let window = second(&card, &mut *meter, 5).expect("energy");
    assert_eq!((window.energy, window.method), (Joules::new(5.0), Method::Counted));
    card.set(|state| state.millijoules = None);
    let refused = refusal(vec![card.meter()]);
    assert!(matches!(&refused.why, Why::NoSensor(name) if name == "NVIDIA H200"), "{refused}");
}

#[test]
fn power_that_fails_on_the_way_does_not_stop_the_counter() {
    let card = Made::new();
    let mut meter = card.meter().expect("a card");
    let silent = || card.set(|state| (state.millijoules, state.power) = (Some(1_005_000), None));
    let window = window(&mut *meter, &ManualClock::new(), 1.0, silent).expect("energy");
    assert_eq!((window.energy, window.check), (Joules::new(5.0), None));
    assert!(window.notes.is_empty(), "{:?}", window.notes);
}

#[test]
fn a_counter_that_goes_back_is_not_used() {
    // A driver that was loaded again, and what may be one that counts in 32 bits.
    for (before, after) in [(1_000_000, 5), (u64::from(u32::MAX) - 5, 10), (u64::MAX, 0)] {
        let card = Made::new();
        card.set(|state| state.millijoules = Some(before));
        let mut meter = card.meter().expect("a card");
        let back = || card.set(|state| state.millijoules = Some(after));
        let measured = window(&mut *meter, &ManualClock::new(), 1.0, back).expect("power");
        assert_eq!((measured.energy, measured.method), (Joules::new(300.0), Method::Integrated));
        let [note] = &notes(&measured)[..] else { panic!("{:?}", measured.notes) };
        assert!(note.starts_with("integrated from power, because the counter went back"), "{note}");
        // The next window is sound again.
        let next = second(&card, &mut *meter, 290).expect("energy");
        assert_eq!((next.energy, next.method), (Joules::new(290.0), Method::Counted));
        // Without power there is nothing left.
        card.set(|state| (state.millijoules, state.power) = (Some(before), None));
        let mut meter = card.meter().expect("a card");
        let lost = window(&mut *meter, &ManualClock::new(), 1.0, back);
        assert!(matches!(lost, Err(MeterError::WentBack)));
    }
}

#[test]
fn a_counter_that_stands_is_replaced_by_power() {
    let card = Made::new();
    let mut meter = card.meter().expect("a card");
    let window = second(&card, &mut *meter, 0).expect("power");
    assert_eq!((window.energy, window.method), (Joules::new(300.0), Method::Integrated));
    let [note] = &notes(&window)[..] else { panic!("{:?}", window.notes) };
    assert!(note.starts_with("integrated from power, because the counter stood still"), "{note}");
}

#[test]
fn a_card_that_is_lost_is_an_error() {
    let card = Made::new();
    let mut meter = card.meter().expect("a card");
    let lost =
        window(&mut *meter, &ManualClock::new(), 1.0, || card.set(|state| state.lost = true));
    assert_eq!(lost.expect_err("lost").to_string(), "its driver says: GPU is lost");
    let refused = refusal(vec![card.meter()]);
    assert!(matches!(&refused.why, Why::Driver(text) if text == "GPU is lost"), "{refused}");
    assert!(refused.remedy().is_some_and(|remedy| remedy.contains("nvidia-smi")));
}

#[test]
fn throttling_is_in_the_window() {
    let card = Made::new();
    let hand = ManualClock::new();
    let meters = vec![card.meter().expect("a card")];
    let recorder =
        Recorder::start(meters, hand.clock(), Duration::from_millis(1)).expect("threads");
    let from = recorder.mark();
    let throttled = Some([ThrottleReason::Power, ThrottleReason::Heat].into());
    card.set(|state| state.conditions.throttled.clone_from(&throttled));
    // The recorder's thread reads as it likes; time passes until it has.
    let start = std::time::Instant::now();
    let window = loop {
        assert!(start.elapsed() < Duration::from_mins(1), "nobody asks for the conditions");
        std::thread::sleep(Duration::from_millis(2));
        hand.advance(Duration::from_millis(300));
        card.set(|state| state.millijoules = state.millijoules.map(|before| before + 90_000));
        let window = recorder.windows(&from, &recorder.mark()).remove(0).window.expect("energy");
        if window.conditions.iter().any(|(_, state)| state.throttled == throttled) {
            break window;
        }
    };
    let (_, last) = window.conditions.last().expect("some");
    assert_eq!(last.core_clock.map(|clock| clock.to_string()).as_deref(), Some("1.98 GHz"));
    assert_eq!(
        (last.temperature, last.power_limit),
        (Some(Celsius::new(41)), Some(Watts::new(700.0)))
    );
}

/// Of a card that has no counter: what cannot be is an error, and what stands out is told.
#[test]
fn a_power_that_cannot_be_is_no_reading() {
    let card = Made::new();
    card.set(|state| state.millijoules = None);
    let hand = ManualClock::new();
    let meters = vec![card.meter().expect("a card")];
    let recorder = Recorder::start(meters, hand.clock(), Duration::from_hours(1)).expect("threads");
    let read = |watts| {
        card.set(|state| state.power = Some(watts));
        hand.advance(Duration::from_millis(100));
        recorder.mark()
    };
    let from = read(300);
    for watts in [301, 299, 60_000, 1_000_000_000_000, 301, 299] {
        let _ = read(watts);
    }
    let to = read(300);
    let window = recorder.windows(&from, &to).remove(0).window.expect("power");
    assert!((window.power().value() - 300.0).abs() < 1.0, "{}", window.power());
    let notes = notes(&window);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].contains("60.0 kW beside 300 W") && notes[0].ends_with(": left out"),
        "{notes:?}"
    );
    assert!(notes[1].contains("1.00 TW, which is more than any machine takes"), "{notes:?}");
}
