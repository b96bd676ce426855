//! Programs that print watts, or should.

use std::time::Duration;

use perjoule::meter::command::{CommandError, DEFAULT_INTERVAL, DEFAULT_TIMEOUT, meter};
use perjoule::meter::fake::Hand;
use perjoule::meter::{Domain, Found, MeterError, Method, Recorder, Source, Why};
use perjoule::units::{Joules, Watts};

use super::refusal;
use super::tree::Tree;

/// How a line fails.
fn failure(found: Found) -> CommandError {
    match refusal(vec![found]).why {
        Why::Command(error) => error,
        other => panic!("{other}"),
    }
}

fn run(line: &str) -> Found {
    meter(line, Domain::Machine, DEFAULT_INTERVAL, DEFAULT_TIMEOUT)
}

#[cfg(unix)]
#[test]
fn watts_are_integrated() {
    let tree = Tree::new();
    let path = tree.write("power of the board", "Instantaneous power reading:   200 Watts\n");
    let mut wall = run(&format!("cat '{}'", path.display())).expect("watts");
    assert_eq!((&wall.about().domain, wall.about().source), (&Domain::Machine, Source::Command));
    assert_eq!(wall.about().interval, Some(DEFAULT_INTERVAL));
    let measured = super::window(&mut *wall, &Hand::new(), 2.0, || {
        tree.write("power of the board", "Instantaneous power reading:   300 Watts\n");
    });
    let measured = measured.expect("power");
    assert_eq!((measured.energy, measured.method), (Joules::new(500.0), Method::Integrated));
    let lost = super::window(&mut *wall, &Hand::new(), 2.0, || tree.remove("power of the board"));
    assert!(matches!(lost, Err(MeterError::Command(CommandError::Failed { .. }))));
}

#[cfg(unix)]
#[test]
fn no_shell_stands_between() {
    let mut echo = run("echo 5 W; $(exit 1) | > 7").expect("one program with many words");
    let reading = echo.read(&Hand::new().clock()).expect("watts");
    assert_eq!(reading.power, Some(Watts::new(5.0)));
}

#[cfg(unix)]
#[test]
fn every_way_to_fail_is_one_clear_line() {
    for (line, text) in [
        ("", "\"\" is no command: it is empty, or a quote in it is not closed"),
        ("  ", "\"  \" is no command: it is empty, or a quote in it is not closed"),
        ("echo '5", "\"echo '5\" is no command: it is empty, or a quote in it is not closed"),
        (
            "echo none",
            "\"echo\" printed \"none\", expected a number, or one followed by W or Watts",
        ),
        ("true", "\"true\" printed \"\", expected a number, or one followed by W or Watts"),
        ("sh -c 'echo 5 W; exit 1'", "\"sh\" failed with exit status: 1: \"5 W\""),
        (
            "sh -c 'echo 5 W; echo no board >&2; exit 3'",
            "\"sh\" failed with exit status: 3: \"no board\"",
        ),
        ("no-such-program-of-watts -x", "cannot start \"no-such-program-of-watts\": No such file"),
        ("/", "cannot start \"/\": Permission denied"),
        ("printf '\\377\\376'", "\"printf\" printed \"\u{fffd}\u{fffd}\", expected a number"),
    ] {
        let error = failure(run(line)).to_string();
        assert!(error.starts_with(text), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
    }
}

/// Output without an end is cut off, and so is its program.
#[cfg(unix)]
#[test]
fn a_program_that_prints_without_end_ends() {
    let error =
        failure(meter("yes rubbish", Domain::Machine, DEFAULT_INTERVAL, Duration::from_mins(1)));
    assert!(matches!(error, CommandError::Failed { .. }), "{error}");
}

/// A child that goes on and holds the output open is none of the meter's business.
#[cfg(unix)]
#[test]
fn a_program_that_leaves_something_running_has_ended() {
    let found = meter(
        "sh -c 'sleep 120 & echo 7'",
        Domain::Machine,
        DEFAULT_INTERVAL,
        Duration::from_mins(1),
    );
    let start = std::time::Instant::now();
    found.expect("watts").read(&Hand::new().clock()).expect("watts");
    assert!(start.elapsed() < Duration::from_secs(100), "it was waited for");
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let tree = Tree::new();
    let numbers = tree.at("numbers").display().to_string();
    let line = format!("sh -c 'sleep 600 & echo $$ $! > {numbers}; wait'");
    let timeout = Duration::from_millis(500);
    let error = failure(meter(&line, Domain::Machine, DEFAULT_INTERVAL, timeout));
    assert_eq!(error.to_string(), "\"sh\" did not end within 0.5 s and was killed");
    let numbers = std::fs::read_to_string(&numbers).expect("it was started");
    assert_eq!(numbers.split_whitespace().count(), 2);
    let start = std::time::Instant::now();
    for number in numbers.split_whitespace() {
        // Dead, though perhaps nobody has asked about it yet.
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            !(stat.is_empty() || stat.contains(") Z "))
        };
        while lives() {
            assert!(start.elapsed() < Duration::from_mins(1), "process {number} is alive");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The recorder does not wait for it, and interpolates.
#[cfg(unix)]
#[test]
fn a_program_is_laid_over_the_window() {
    let wall = meter("echo 100", Domain::Machine, Duration::from_millis(5), DEFAULT_TIMEOUT);
    let hand = Hand::new();
    let meters = vec![wall.expect("watts")];
    let recorder =
        Recorder::start(meters, hand.clock(), Duration::from_millis(5)).expect("threads");
    let mut measured = 0;
    let start = std::time::Instant::now();
    // It is up to the threads when it is run; in some second it was run within the window.
    while measured == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "nobody runs the program");
        hand.advance(Duration::from_secs(1));
        let ((), windows) = recorder.measure(|| {
            hand.advance(Duration::from_secs(1));
            std::thread::sleep(Duration::from_millis(20));
            hand.advance(Duration::from_secs(1));
        });
        match &windows[0].window {
            Ok(window) => {
                assert_eq!(window.method, Method::Integrated);
                assert!((window.energy.value() - 200.0).abs() < 1e-9, "{}", window.energy);
                measured += 1;
            }
            Err(error) => assert!(matches!(error, MeterError::NoValue), "{error}"),
        }
    }
}
