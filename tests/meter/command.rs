//! Programs that print watts, or should.

use std::time::Duration;

use perjoule::meter::command::{CommandError, DEFAULT_INTERVAL, DEFAULT_TIMEOUT, meter};
use perjoule::meter::fake::ManualClock;
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
    assert_eq!((&wall.info().domain, wall.info().source), (&Domain::Machine, Source::Command));
    assert_eq!(wall.info().interval, Some(DEFAULT_INTERVAL));
    let measured = super::window(&mut *wall, &ManualClock::new(), 2.0, || {
        tree.write("power of the board", "Instantaneous power reading:   300 Watts\n");
    });
    let measured = measured.expect("power");
    assert_eq!((measured.energy, measured.method), (Joules::new(500.0), Method::Integrated));
    let lost =
        super::window(&mut *wall, &ManualClock::new(), 2.0, || tree.remove("power of the board"));
    assert!(matches!(lost, Err(MeterError::Command(CommandError::Failed { .. }))));
}

#[cfg(unix)]
#[test]
fn no_shell_stands_between() {
    let mut echo = run("echo 5 W '; $(exit 1) | > 7'").expect("one program with many words");
    let reading = echo.read(&ManualClock::new().clock()).expect("watts");
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
        (
            "sh -c 'echo NOMPOWER : 600 Watts'",
            "\"sh\" printed \"NOMPOWER : 600 Watts\", which is a limit, a rating or a statistic",
        ),
        (
            "printf 'PS1 132 Watts\\nPS2 160 Watts\\n'",
            "\"printf\" printed 2 powers (\"PS1 132 Watts\", \"PS2 160 Watts\"), expected one: choose \
             or add them in a script",
        ),
        ("echo 5 W | cat", "\"|\" is for a shell, and none runs the command: give it to one"),
        ("echo 5 W > /dev/null", "\">\" is for a shell"),
        ("true && echo 5 W", "\"&&\" is for a shell"),
        ("true; echo 5 W", "\"true;\" is for a shell"),
        (
            "cat $NO_SUCH_FILE",
            "\"cat\" failed with exit status: 1: \"cat: '$NO_SUCH_FILE': No such file or directory\" (no \
             shell runs it, and \"$NO_SUCH_FILE\" is for one: give it to one, as in \"sh -c '…'\")",
        ),
        ("no-such-program-of-watts -x", "cannot start \"no-such-program-of-watts\": No such file"),
        ("/", "cannot start \"/\": Permission denied"),
        ("printf '\\377\\375'", "\"printf\" printed \"\u{fffd}\u{fffd}\", expected a number"),
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
    assert!(matches!(error, CommandError::TooMuch { .. }), "{error}");
    let text = "\"yes\" printed more than 1024 KiB and was ended, expected a line with watts";
    assert_eq!(error.to_string(), text);
}

/// More than a pipe holds is taken, whether it is output or complaints.
#[cfg(unix)]
#[test]
fn a_program_may_print_much() {
    for line in [
        "sh -c 'echo 7 W; head -c 300000 /dev/zero | tr \"\\0\" x'",
        "sh -c 'head -c 3000000 /dev/zero >&2; echo 7 W'",
    ] {
        let mut much = run(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        let power = much.read(&ManualClock::new().clock()).expect("watts").power;
        assert_eq!(power, Some(Watts::new(7.0)), "{line}");
    }
}

/// A child that goes on and holds the output open is not waited for: it is ended, which is told.
#[cfg(target_os = "linux")]
#[test]
fn what_a_program_leaves_running_is_ended_and_costs_nothing() {
    let tree = Tree::new();
    let numbers = tree.at("numbers");
    let line = format!("sh -c 'sleep 600 & echo $! >> {}; echo 7'", numbers.display());
    let mut found =
        meter(&line, Domain::Machine, DEFAULT_INTERVAL, Duration::from_mins(1)).expect("watts");
    let told = format!("{line} (what it leaves running is ended each time)");
    assert_eq!(found.info().detail, told);
    // Of this process alone: other tests run beside this one.
    let pipes_of_others = || {
        let entries = std::fs::read_dir("/proc/self/fd").expect("open files");
        entries.count()
    };
    let before = pipes_of_others();
    for _ in 0..10 {
        found.read(&ManualClock::new().clock()).expect("watts");
    }
    assert!(pipes_of_others() < before + 20, "pipes are left open");
    let numbers = std::fs::read_to_string(&numbers).expect("it was started");
    let numbers: Vec<_> = numbers.split_whitespace().collect();
    assert_eq!(numbers.len(), 11);
    assert_end(&numbers);
    // One that does not hold the output is ended too.
    let quiet = tree.at("quiet");
    let line =
        format!("sh -c 'sleep 600 >/dev/null 2>&1 & echo $! >> {}; echo 7'", quiet.display());
    let found = run(&line).expect("watts");
    assert_eq!(found.info().detail, line);
    let quiet = std::fs::read_to_string(&quiet).expect("it was started");
    assert_end(&quiet.split_whitespace().collect::<Vec<_>>());
}

/// Processes are dead, though perhaps nobody has asked about them yet.
#[cfg(target_os = "linux")]
fn assert_end(numbers: &[&str]) {
    let start = std::time::Instant::now();
    for number in numbers {
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
    assert_end(&numbers.split_whitespace().collect::<Vec<_>>());
}

/// The recorder does not wait for it, and interpolates.
#[cfg(unix)]
#[test]
fn a_program_is_laid_over_the_window() {
    let wall = meter("echo 100", Domain::Machine, Duration::from_millis(5), DEFAULT_TIMEOUT);
    let hand = ManualClock::new();
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
