//! The command as its users meet it: what it prints where, and how it exits.
//!
//! Set `PERJOULE_TEST_RUNNER` to a command and its arguments, separated by spaces, to have it run
//! the binary: an emulator, where the tests themselves are emulated too.

#![cfg(feature = "cli")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use perjoule::block::{BlockHash, CompactTarget, Header, Target, Version, VersionMask};
use perjoule::engine::{self, EngineId};
use serde_json::Value;

/// The first block of the main network.
const GENESIS: &str = concat!(
    "0100000000000000000000000000000000000000000000000000000000000000",
    "000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa",
    "4b1e5e4a29ab5f49ffff001d1dac2b7c",
);
const GENESIS_HASH: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const GENESIS_NONCE: u32 = 2_083_236_893;

/// No hash is known that meets it.
const IMPOSSIBLE: &str = "0000000000000000000000000000000000000000000000000000000000000001";

/// Half of all hashes meet it.
const REGTEST: &str = "207fffff";

fn perjoule<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let binary = env!("CARGO_BIN_EXE_perjoule");
    let runner = std::env::var("PERJOULE_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().chain([binary]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(args).stdin(Stdio::null());
    // What the command finds does not depend on which meters this machine has.
    command.env(ROOT, "/nonexistent");
    // Nor on what it kept of GPUs, or on who runs the tests.
    command.env(CACHES, env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Names the folder of all caches.
const CACHES: &str = "XDG_CACHE_HOME";

/// Names the folder with the `/sys` and `/proc` of the machine that is measured.
const ROOT: &str = "PERJOULE_ROOT";

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    perjoule(args).output().unwrap()
}

/// Runs `perjoule mine` on the genesis header.
fn mine(args: &[&str]) -> Output {
    run(["mine", GENESIS].iter().chain(args))
}

fn started(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs commands that wait more than they compute, as scores with meters do, all at the same time.
fn at_once<const N: usize>(commands: [Command; N]) -> [Output; N] {
    commands.map(started).map(|child| child.wait_with_output().unwrap())
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The result of a run that ended with `code` and had nothing to say beside it.
fn json(output: &Output, code: i32) -> Value {
    assert_eq!((output.status.code(), stderr(output)), (Some(code), ""));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn target(bits: &str) -> Target {
    Target::from_compact(CompactTarget::from_hex(bits).unwrap()).unwrap()
}

/// The headers of the shares, each of which is what it claims to be.
fn verified(result: &Value, target: Target) -> Vec<Header> {
    let given = Header::from_hex(GENESIS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let verify = |share: &Value| {
        let header = Header::from_hex(&text(&share["header"])).unwrap();
        let hash = BlockHash::from_hex(&text(&share["hash"])).unwrap();
        assert_eq!(header.hash(), hash);
        assert!(target.is_met_by(&hash));
        assert_eq!(share["nonce"], header.nonce());
        assert_eq!(share["version"], header.version().to_string());
        assert_eq!(share["time"], header.time());
        let (version, time, nonce) = (given.version(), given.time(), given.nonce());
        assert_eq!(header.with_version(version).with_time(time).with_nonce(nonce), given);
        header
    };
    result["shares"].as_array().unwrap().iter().map(verify).collect()
}

/// Exit code 2, one line that holds `expected`, and nothing else.
#[track_caller]
fn assert_refused(output: &Output, expected: &str) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(stdout(output), "");
    assert!(message.starts_with("perjoule: ") && message.contains(expected), "{message}");
    assert!(message.ends_with('\n') && message.lines().count() == 1, "{message}");
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn bad_headers_are_refused() {
    let cases = [
        (GENESIS[..158].to_owned(), "HEADER_HEX: a header is 80 bytes (160 hex digits), got 158"),
        (GENESIS.to_owned() + "00", "got 162 digits"),
        (GENESIS[..159].to_owned(), "odd number"),
        (GENESIS.replacen('3', "g", 1), "'g' at character 73 is not a hex digit"),
        (GENESIS.replacen('3', "é", 1), "'é' at character 73"),
        (GENESIS.replacen('3', "𝟛", 1), "at character 73"),
        ("0x".to_owned() + GENESIS, "'x' at character 2"),
        (" ".to_owned() + GENESIS, "' ' at character 1"),
        (GENESIS.to_owned() + "\n\nUsage: ", "at character 161"),
        (String::new(), "HEADER_HEX"),
        ("0".repeat(100_000), "got 100000 digits"),
    ];
    for (header, expected) in cases {
        assert_refused(&run(["mine", &header]), expected);
    }
}

#[test]
fn bad_targets_are_refused() {
    let zero = "0".repeat(64);
    let cases: [(&[&str], &str); 14] = [
        (&["--target", &zero], "--target: the target is zero"),
        (&["--target", "1"], "64 hex digits"),
        (&["--target", &IMPOSSIBLE[1..]], "got 63 digits"),
        (&["--target", &zero.replace('0', "ä")], "'ä' at character 1"),
        (&["--bits", "1d80ffff"], "1d80ffff is negative"),
        (&["--bits", "237fffff"], "237fffff overflows"),
        (&["--bits", "00000000"], "00000000 is zero"),
        (&["--bits", "01003456"], "01003456 is zero"),
        (&["--bits", "1d00fff"], "--bits \"1d00fff\": a compact target is 8 hex digits, got 7"),
        (&["--bits", "-1"], "'-1'"),
        (&["--bits", ""], "--bits"),
        (&["--bits"], "--bits <HEX>"),
        (&["--bits", REGTEST, "--target", IMPOSSIBLE], "cannot be used with"),
        (&["--bits", REGTEST, "--bits", REGTEST], "cannot be used multiple times"),
    ];
    for (args, expected) in cases {
        assert_refused(&mine(args), expected);
    }
    let own_bits = GENESIS.replace("ffff001d", "00000000");
    assert_refused(&run(["mine", &own_bits]), "the header's own bits");
}

#[test]
fn bad_ranges_are_refused() {
    let cases = [
        ("9..5", "the nonces start at 9, after their end at 5"),
        ("0..4294967297", "\"4294967297\" is not a number from 0 to 4294967296"),
        ("0..0x100000001", "\"0x100000001\""),
        ("4294967297..", "\"4294967297\""),
        ("4294967296..0", "start at 4294967296, after"),
        ("0..99999999999999999999999", "from 0 to 4294967296"),
        ("5", "expected START..END"),
        ("0..=5", "\"=5\""),
        ("0x..5", "\"0x\""),
        ("+1..5", "\"+1\""),
        ("a..b", "\"a\""),
        ("０..５", "\"０\""),
    ];
    for (range, expected) in cases {
        assert_refused(&mine(&["--nonces", range]), expected);
    }
}

#[test]
fn bad_options_are_refused() {
    let cases: [(&[&str], &str); 19] = [
        (&["--threads", "0"], "0 threads, expected 1 to 1024"),
        (&["--threads", "10000"], "10000 threads, expected 1 to 1024"),
        (&["--threads", "-3"], "--threads: \"-3\""),
        (&["--threads", "two"], "--threads: \"two\" is not a whole number"),
        (&["--threads", "99999999999999999999999"], "--threads"),
        (&["--version-mask", "0"], "has no bit to roll"),
        (&["--version-mask", "123456789"], "1 to 8 hex digits, got 9"),
        (&["--version-mask", "bip320"], "'i' at character 2"),
        (&["--roll-time", "4294967296"], "from 0 to 4294967295"),
        (&["--roll-time", "-1"], "--roll-time: \"-1\""),
        (&["--roll-time", "1.5"], "\"1.5\""),
        (&["--engine", "quantum"], "\"quantum\", expected one of scalar, sse41, avx2"),
        (&["--engine", "a\n\nb"], "no engine is called"),
        (&["--limit", "5"], "--limit 5: expected only together with --all"),
        (&["--all", "--limit", "0"], "--limit 0: expected at least 1"),
        (&["--all", "--limit", "many"], "--limit: \"many\""),
        (&["--nonsense"], "'--nonsense'"),
        (&["one more"], "'one more'"),
        (&["--jsn\nusage"], "--jsn"),
    ];
    for (args, expected) in cases {
        assert_refused(&mine(args), expected);
    }
    assert_refused(&run(["mine"]), "<HEADER_HEX>");
    assert_refused(&run(["frobnicate"]), "'frobnicate'");
    assert_refused(&run(["--frobnicate"]), "'--frobnicate'");
    assert_refused(&run(["devices", "extra"]), "'extra'");
}

#[test]
fn an_engine_that_cannot_run_here_says_what_it_needs() {
    let unavailable = engine::survey().iter().find_map(|engine| engine.as_ref().err());
    let unavailable = unavailable.expect("no machine is of two architectures");
    let output = mine(&["--engine", &unavailable.id().to_string()]);
    assert_refused(&output, &format!("it needs {}", unavailable.missing().join(", ")));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let garbled = OsStr::from_bytes(b"ab\xff\ncd");
    assert_refused(&run([OsStr::new("mine"), garbled]), "argument 2");
    assert_refused(&run([garbled]), "perjoule: ");
    let args = ["mine", GENESIS, "--bits"].map(OsStr::new);
    assert_refused(&run(args.into_iter().chain([garbled])), "not UTF-8");
}

#[test]
fn help_and_version_are_results() {
    let help = ["--help", "-h", "help"].map(|flag| vec![flag]);
    let of_subcommands = ["mine", "devices", "score", "dial"].map(|name| vec![name, "--help"]);
    for args in help.into_iter().chain(of_subcommands) {
        let output = run(&args);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{args:?}");
        assert!(stdout(&output).contains("Usage: perjoule"), "{args:?}");
    }
    let output = run(["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), concat!("perjoule ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_genesis_block_is_found_again() {
    let window = format!("{}..", GENESIS_NONCE - 10_000);
    let output = mine(&["--nonces", &window]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let text = stdout(&output);
    for line in [
        format!("nonce   {GENESIS_NONCE}"),
        "version 00000001".to_owned(),
        format!("hash    {GENESIS_HASH}"),
        format!("header  {GENESIS}"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let summary = text.lines().last().unwrap();
    for word in ["1 share: ", " hashes in ", " s, ", " MH/s, engine ", " thread"] {
        assert!(summary.contains(word), "{summary}");
    }
}

#[test]
fn the_first_share_is_the_same_on_every_engine() {
    let window = format!("{GENESIS_NONCE:#x}..{}", u64::from(GENESIS_NONCE) + 1);
    let threads = ["1", "2", "5"];
    for engine in engine::available() {
        for threads in threads {
            let name = engine.id().to_string();
            let args = ["--nonces", &window, "--engine", &name, "--threads", threads, "--json"];
            let result = json(&mine(&args), 0);
            let headers = verified(&result, target("1d00ffff"));
            assert_eq!(headers, [Header::from_hex(GENESIS).unwrap()], "{name}");
            assert_eq!(result["engines"], Value::from(vec![name]));
            assert_eq!(result["faults"], Value::Array(vec![]));
            assert_eq!(result["threads"], threads.parse::<u64>().unwrap());
            assert_eq!(result["hashes"], 1);
            assert!(result["seconds"].is_f64());
        }
    }
}

#[test]
fn a_range_without_a_share_is_exhausted() {
    for (range, hashes) in
        [("0..1000", 1000), ("7..7", 0), ("4294967296..", 0), ("0xffffffe1..", 31), ("..1", 1)]
    {
        let output = mine(&["--target", IMPOSSIBLE, "--nonces", range, "--json"]);
        let result = json(&output, 1);
        assert_eq!(result["shares"], Value::Array(vec![]), "{range}");
        assert_eq!(result["hashes"], hashes, "{range}");
        assert_eq!(result["exhausted"], true, "{range}");
        assert_eq!(result["truncated"], false, "{range}");
        assert_eq!(result["interrupted"], false, "{range}");
        let output = mine(&["--target", IMPOSSIBLE, "--nonces", range]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), ""));
        assert!(stdout(&output).starts_with(&format!("no share: {hashes} hashes in ")));
    }
}

#[test]
fn a_limit_that_is_reached_is_told() {
    let args = ["--bits", REGTEST, "--all", "--limit", "5", "--json"];
    let output = mine(&args);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("there may be more") && stderr(&output).lines().count() == 1);
    let result = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verified(&result, target(REGTEST)), expected(0..100, &[0], 0, REGTEST)[..5]);
    assert_eq!(result["truncated"], true);
    assert_eq!(result["exhausted"], false);

    let default = mine(&["--bits", REGTEST, "--all", "--json"]);
    let result = serde_json::from_slice(&default.stdout).unwrap();
    assert_eq!(verified(&result, target(REGTEST)).len(), 1000);
}

#[test]
fn all_shares_of_a_short_range_are_found() {
    let output = mine(&["--bits", REGTEST, "--all", "--nonces", "100..131", "--pin", "--json"]);
    let result = json(&output, 0);
    assert_eq!(verified(&result, target(REGTEST)), expected(100..131, &[0], 0, REGTEST));
    assert_eq!((&result["hashes"], &result["exhausted"]), (&31.into(), &true.into()));
}

#[test]
fn versions_are_rolled_in_groups() {
    let mask = "0000e0";
    let args = ["--bits", REGTEST, "--all", "--nonces", "0..31", "--version-mask", mask, "--json"];
    let result = json(&mine(&args), 0);
    let mask = VersionMask::from_hex(mask).unwrap();
    let base = Version::from_consensus(1);
    let flips: Vec<_> = (0..8).map(|i| mask.version(base, i).to_consensus() ^ 1).collect();
    let headers = verified(&result, target(REGTEST));
    assert_eq!(headers, expected(0..31, &flips, 0, REGTEST));
    let versions: BTreeSet<_> = headers.iter().map(|h| h.version().to_consensus()).collect();
    assert_eq!(versions.len(), 8);
    assert_eq!(result["hashes"], 31 * 8);
}

#[test]
fn time_is_rolled_when_nonces_are_spent() {
    let bits = "2000ffff";
    let args = ["--bits", bits, "--nonces", "0..3", "--roll-time", "3600", "--json"];
    let headers = verified(&json(&mine(&args), 0), target(bits));
    assert_eq!(headers, expected(0..3, &[0], 3600, bits)[..1]);
    assert!(headers[0].time() > Header::from_hex(GENESIS).unwrap().time());
}

/// All shares of the genesis header by plain trial, in the order of the search: time, nonce,
/// version; the versions are one group.
fn expected(nonces: std::ops::Range<u32>, flips: &[u32], seconds: u32, bits: &str) -> Vec<Header> {
    let header = Header::from_hex(GENESIS).unwrap();
    let target = target(bits);
    (0..=seconds)
        .flat_map(|late| nonces.clone().map(move |nonce| (late, nonce)))
        .flat_map(|(late, nonce)| flips.iter().map(move |flip| (late, nonce, flip)))
        .map(|(late, nonce, flip)| {
            let version = Version::from_consensus(header.version().to_consensus() ^ flip);
            header.with_time(header.time() + late).with_nonce(nonce).with_version(version)
        })
        .filter(|header| target.is_met_by(&header.hash()))
        .collect()
}

#[test]
fn devices_lists_every_engine() {
    let result = json(&run(["devices", "--json"]), 0);
    assert_eq!(result["perjoule"], env!("CARGO_PKG_VERSION"));
    assert_eq!(result["cpu"]["architecture"], std::env::consts::ARCH);
    assert!(result["cpu"]["cores"].as_u64().unwrap() > 0);
    let engines = result["engines"].as_array().unwrap();
    let names: Vec<_> = engines.iter().map(|engine| engine["id"].as_str().unwrap()).collect();
    assert_eq!(names, EngineId::CPU.map(|id| id.to_string()));
    for (engine, surveyed) in engines.iter().zip(engine::survey()) {
        assert_eq!(engine["available"], surveyed.is_ok());
        let missing = surveyed.as_ref().err().map_or(0, |unavailable| unavailable.missing().len());
        assert_eq!(engine["missing"].as_array().unwrap().len(), missing);
    }

    let output = run(["devices"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    for name in names {
        assert!(stdout(&output).lines().any(|line| line.starts_with(name)), "{name}");
    }
}

/// What there is of GPUs depends on the machine; what is said of it does not. Each of four commands
/// opens the GPU, for which a software driver compiles for two seconds on all cores.
#[test]
#[cfg(feature = "gpu")]
fn gpus_are_listed_and_search() {
    let caches = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gpus-are-listed");
    let _ = std::fs::remove_dir_all(&caches);
    let run = |args: &[&str]| perjoule(args).env(CACHES, &caches).output().unwrap();
    let kept = |adapter| {
        perjoule::engine::gpu::TuningCache::in_folder(caches.join("perjoule")).tuning(adapter)
    };
    let adapters = perjoule::gpu::adapters();
    let result = json(&run(&["devices", "--json"]), 0);
    let gpus = result["gpus"].as_array().unwrap();
    let of = |key: &str| gpus.iter().map(|gpu| gpu[key].as_str().unwrap()).collect::<Vec<_>>();
    let ids: Vec<_> = (0..adapters.len()).map(|number| format!("gpu:{number}")).collect();
    assert_eq!(of("id"), ids);
    assert_eq!(of("name"), adapters.iter().map(|adapter| &*adapter.name).collect::<Vec<_>>());
    for (gpu, adapter) in gpus.iter().zip(&adapters) {
        let others = adapter.also_through.iter().map(|it| (it.backend, it.driver.as_str()));
        let shown = gpu["also_through"].as_array().unwrap().iter();
        let shown =
            shown.map(|it| (it["backend"].as_str().unwrap(), it["driver"].as_str().unwrap()));
        assert!(shown.eq(others), "{gpu}");
    }
    assert!(gpus.iter().all(|gpu| gpu["tuned"].is_null()), "{gpus:?}");
    let text = run(&["devices"]);
    assert!(adapters.iter().all(|adapter| stdout(&text).contains(&adapter.name)));

    let window = format!("{GENESIS_NONCE}..");
    let search = |engines: &[&str]| {
        let engines = engines.iter().flat_map(|engine| ["--engine", engine]);
        let mine = ["mine", GENESIS, "--nonces", &window, "--json"];
        run(&mine.into_iter().chain(engines).collect::<Vec<_>>())
    };
    if adapters.is_empty() {
        eprintln!("not tested: no driver offers a GPU");
        assert!(stdout(&text).contains("no driver offers a GPU"), "{text:?}");
        assert_refused(&search(&["gpu:0"]), "no driver offers a GPU");
    } else {
        for engines in [&["gpu:0"][..], &["gpu:0", "scalar", "gpu:0"], &["all", "gpu:0"]] {
            let result = json(&search(engines), 0);
            let headers = verified(&result, target("1d00ffff"));
            assert_eq!(headers, [Header::from_hex(GENESIS).unwrap()], "{engines:?}");
            let used = result["engines"].as_array().unwrap();
            assert_eq!(used.last().unwrap().as_str().map(|id| &id[..4]), Some("gpu:"));
            assert!(used.len() >= engines.len().min(2), "{used:?}");
        }
        assert_refused(&search(&["gpu:250"]), "gpu:250 is not available");
        // The first of the searches has tuned it; that it is tuned again has to be asked for.
        let tuned = kept(&adapters[0]).expect("it was tuned");
        let devices = json(&run(&["devices", "--json"]), 0);
        let shape = devices["gpus"][0]["tuned"]["one_version"].clone();
        assert_eq!(shape.as_str(), Some(&*tuned.plain.shape.to_string()));
        assert!(stdout(&run(&["devices"])).contains("tuned: one version: one by one, "));
        json(
            &run(&[
                "mine", GENESIS, "--nonces", &window, "--json", "--engine", "gpu:0", "--retune",
            ]),
            0,
        );
        assert_ne!(kept(&adapters[0]).map(|it| it.took), Some(tuned.took));

        let args =
            ["score", "--engine", "gpu:0", "--threads", "1", "--seconds", "0.1", "--json", "-"];
        let result = json(&run(&args), 0);
        assert_eq!(result["devices"][0]["id"], "gpu:0");
        let software = adapters[0].kind == perjoule::gpu::AdapterKind::Software;
        assert_eq!(result["devices"][0]["software"], software);
        let rows = result["rows"].as_array().unwrap();
        let versions: Vec<_> = rows.iter().map(|row| row["size"]["versions"].as_u64()).collect();
        assert_eq!(versions, [Some(1), Some(8)]);
        assert!(rows.iter().all(|row| row["times_sha2"].as_f64() > Some(0.0)), "{rows:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let window = format!("{GENESIS_NONCE}..");
    for args in [&["mine", GENESIS, "--nonces", &window][..], &["devices"], &["mine", "--help"]] {
        let mut child =
            perjoule(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = perjoule(["devices"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).starts_with("perjoule: cannot write to stdout: "));
    assert_eq!(stderr(&output).lines().count(), 1);

    let output = perjoule(["mine"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::io::Write as _;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    /// What searches for hours.
    const ENDLESS: [&str; 7] =
        ["mine", GENESIS, "--target", IMPOSSIBLE, "--roll-time", "7200", "--json"];

    /// Longer than anything takes that passes.
    const PATIENCE: Duration = Duration::from_mins(1);

    #[track_caller]
    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "{what}");
            sleep(Duration::from_millis(10));
        }
    }

    fn is_emulated() -> bool {
        std::env::var_os("PERJOULE_TEST_RUNNER").is_some()
    }

    /// It starts in much less than this, but not under an emulator on a busy machine.
    fn wait_for_it() {
        sleep(Duration::from_millis(if is_emulated() { 6000 } else { 1000 }));
    }

    /// Starts what searches, and waits until it does: until other threads than the first one have
    /// computed for some hundredths of a second.
    fn searching(command: Command) -> Child {
        let child = started(command);
        if cfg!(target_os = "linux") && !is_emulated() {
            let tasks = format!("/proc/{0}/task", child.id());
            let first = child.id().to_string();
            let ticks = |task: std::fs::DirEntry| {
                let state = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                // Of what follows the name, the time in its own code is the twelfth.
                let ticks = state.rsplit(") ").next()?.split(' ').nth(11)?;
                ticks.parse::<u64>().ok().filter(|_| task.file_name() != *first)
            };
            wait_until("it does not search", || {
                let tasks = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
                tasks.filter_map(ticks).sum::<u64>() >= 3
            });
        } else {
            wait_for_it();
        }
        child
    }

    /// Starts what waits for its input, and waits until it catches the signal of this number.
    fn waiting(command: Command, signal: i32) -> Child {
        let child = started(command);
        if cfg!(target_os = "linux") && !is_emulated() {
            let status = format!("/proc/{}/status", child.id());
            wait_until("it does not catch the signal", || {
                let status = std::fs::read_to_string(&status).unwrap_or_default();
                let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
                let caught = caught.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
                caught.is_some_and(|caught| caught >> (signal - 1) & 1 == 1)
            });
        } else {
            wait_for_it();
        }
        child
    }

    /// Interrupts what nobody can look into while it measures: after so many seconds or, where that
    /// turns out to have been too early, later and later in another run.
    fn interrupted(
        command: impl Fn() -> Command,
        seconds: [u64; 3],
        was_late_enough: impl Fn(&Output) -> bool,
    ) -> Output {
        for seconds in seconds {
            let child = started(command());
            sleep(Duration::from_secs(seconds));
            interrupt(&child);
            let output = child.wait_with_output().unwrap();
            if was_late_enough(&output) {
                return output;
            }
        }
        panic!("nothing was measured in {} s", seconds[2]);
    }

    fn interrupt(child: &Child) {
        send("INT", child);
    }

    fn send(signal: &str, child: &Child) {
        let signal = format!("-{signal}");
        let killed = Command::new("kill").args([&signal, &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// The same, started by a shell's script, which has it as `"$@"`.
    fn by_shell(script: &str, command: &Command) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.stdin(Stdio::null());
        shell
    }

    #[test]
    fn what_was_done_is_printed() {
        for (signal, args, code) in [
            ("INT", &[][..], 130),
            ("INT", &["--all"], 130),
            ("TERM", &[], 143),
            ("TERM", &["--all"], 143),
            ("HUP", &[], 129),
        ] {
            let child = searching(perjoule(ENDLESS.iter().chain(args)));
            send(signal, &child);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(code));
            let message = stderr(&output);
            assert!(message.contains("interrupted") && message.lines().count() == 1, "{message}");
            let result: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert!(result["hashes"].as_u64().unwrap() > 0);
            assert_eq!(result["interrupted"], true);
            assert_eq!(result["exhausted"], false);
        }
    }

    #[test]
    fn set_points_that_were_held_are_printed() {
        // From three seconds on, twenty more; wherever in between it is interrupted, some were held.
        let set = [100, 0].repeat(50);
        let steps: Vec<_> = set.iter().map(ToString::to_string).collect();
        let args = "dial --engine scalar --threads 1 --hold 0.2 --json --steps";
        let command = || perjoule(args.split(' ').chain([&*steps.join(",")]));
        let output = interrupted(command, [4, 8, 16], |output| {
            let result = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
            result["steps"].as_array().is_some_and(|held| !held.is_empty())
        });
        let result = json(&output, 130);
        assert_eq!(result["interrupted"], true);
        let held = result["steps"].as_array().unwrap();
        assert!((1..set.len()).contains(&held.len()), "{held:?}");
        for (step, percent) in held.iter().zip(&set) {
            assert_eq!(step["to_percent"], f64::from(*percent), "{held:?}");
        }
    }

    #[test]
    fn a_score_is_left_incomplete_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("score.json");
        let file = file.to_str().unwrap();
        let args = "score --device cpu --workload bandwidth --workload peak --dtype i32 --size 1MiB \
                    --threads 1 --seconds 60 --json";
        let read = || -> Value { serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap() };
        let output = interrupted(
            || perjoule(args.split(' ').chain([file])),
            [2, 5, 12],
            |_| std::fs::exists(file).unwrap() && !read()["rows"].as_array().unwrap().is_empty(),
        );
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(stdout(&output).contains("interrupted: not everything was measured"), "{output:?}");
        let partial = read();
        assert_eq!(
            (&partial["complete"], &partial["finished"]),
            (&false.into(), &Value::Array(vec![]))
        );
        assert!(!partial["rows"].as_array().unwrap().is_empty());

        let again = args.replace("60", "0.1");
        let output = run(again.split(' ').chain([file, "--resume", file]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let whole = read();
        assert_eq!(whole["complete"], true);
        let kinds: Vec<_> =
            whole["rows"].as_array().unwrap().iter().map(|it| &it["workload"]).collect();
        assert_eq!(kinds, ["peak", "bandwidth", "bandwidth"]);
    }

    #[test]
    fn the_second_one_kills() {
        // Nobody reads more of the results than their beginning, so that writing them does not end.
        let many = ["--bits", REGTEST, "--all", "--limit", "20000", "--json"];
        let cases = [("INT", 130), ("TERM", 143)].map(|(signal, code)| {
            let mut child = started(perjoule(["mine", GENESIS].iter().chain(&many)));
            let mut results = BufReader::new(child.stdout.take().unwrap());
            results.read_line(&mut String::new()).unwrap();
            interrupt(&child);
            (child, results, signal, code)
        });
        sleep(Duration::from_millis(500));
        for (mut child, _results, signal, code) in cases {
            assert!(child.try_wait().unwrap().is_none());
            send(signal, &child);
            assert_eq!(child.wait().unwrap().code(), Some(code));
        }
    }

    /// As `timeout` sends them, to the process and to its group, and terminals that go away.
    #[test]
    fn signals_at_once_are_one() {
        let child = searching(perjoule(ENDLESS));
        let all = format!("kill -TERM {0}; kill -TERM {0}; kill -HUP {0}", child.id());
        assert!(Command::new("sh").args(["-c", &all]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        // Which of two that wait is delivered first is not said.
        assert!([Some(143), Some(129)].contains(&output.status.code()), "{output:?}");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["interrupted"], true);
    }

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let mut child = searching(by_shell("trap '' HUP; exec \"$@\"", &perjoule(ENDLESS)));
        send("HUP", &child);
        sleep(Duration::from_millis(500));
        assert!(child.try_wait().unwrap().is_none());
        send("TERM", &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143), "{output:?}");
        assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{output:?}");
    }

    /// Also where a program without handlers would not see them: as the first one of a container.
    #[test]
    fn what_has_no_results_yet_ends_at_once() {
        for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            // It waits for its input.
            let mut command = perjoule(["compare", "-", "-"]);
            command.stdin(Stdio::piped());
            let mut child = waiting(command, code - 128);
            let input = child.stdin.take();
            send(signal, &child);
            let output = child.wait_with_output().unwrap();
            assert_eq!((output.status.code(), stdout(&output)), (Some(code), ""), "{output:?}");
            drop(input);
        }
    }

    /// A score that is ended delivers what it has, and does not leave its meter's program behind: it
    /// waits until that has hung for ten seconds and is ended.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_score_that_is_ended_delivers_and_leaves_no_child() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let [program, numbers, score] = ["watts.sh", "numbers", "score.json"].map(path);
        // It hangs once the score has looked at the idle machine: at the start, after that and each
        // second in between it is run.
        let script = format!(
            "#!/bin/sh\necho $$ >> {numbers}\n[ $(wc -l < {numbers}) -gt 5 ] && sleep 600\necho 90\n"
        );
        let mut file = std::fs::File::create(&program).unwrap();
        file.write_all(script.as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
        drop(file);
        let args = "score --device cpu --workload bandwidth --size 1MiB --threads 1 --seconds 60";
        let args = args.split(' ').chain(["--meter-cmd", &program, "--json", &score]);
        let child = started(perjoule(args));
        wait_until("the meter's program does not hang", || {
            std::fs::read_to_string(&numbers).is_ok_and(|numbers| numbers.lines().count() > 5)
        });
        send("TERM", &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143), "{output:?}");
        assert!(stdout(&output).contains("interrupted: not everything was measured"), "{output:?}");
        let left: Value = serde_json::from_slice(&std::fs::read(&score).unwrap()).unwrap();
        assert_eq!(left["complete"], false);
        for number in std::fs::read_to_string(&numbers).unwrap().lines() {
            let state = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            // What nobody has waited for is there as a number only.
            assert!(state.is_empty() || state.contains(") Z "), "{state}");
        }
    }

    /// Shares are printed while the search goes on, which ends when their reader has seen enough.
    #[test]
    fn shares_are_printed_as_they_come() {
        let args = ["--bits", "1f00ffff", "--all", "--limit", "1000000000", "--roll-time", "7200"];
        for json in [&[][..], &["--json"]] {
            let mut command = perjoule(["mine", GENESIS].iter().chain(&args).chain(json));
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let found = lines.by_ref().take(40).map(Result::unwrap);
            let found = found.filter(|line| line.contains("nonce")).count();
            assert!(found >= 5 && child.try_wait().unwrap().is_none(), "{found}");
            drop(lines);
            let output = child.wait_with_output().unwrap();
            assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        }
    }

    #[test]
    fn a_stdout_that_takes_nothing_is_told_before() {
        for (redirection, why) in [(">&-", "closed"), ("</dev/null 1<&0", "reading only")] {
            let script = format!("exec \"$@\" {redirection}");
            for args in [&["devices"][..], &["--help"], &ENDLESS] {
                let output = by_shell(&script, &perjoule(args)).output().unwrap();
                assert_eq!(output.status.code(), Some(3), "{args:?} {output:?}");
                let told = stderr(&output);
                assert!(
                    told.starts_with("perjoule: cannot write to stdout: ") && told.contains(why)
                );
                assert_eq!(told.lines().count(), 1, "{told}");
            }
        }
        // As others open what takes all.
        for redirection in [">/dev/null", "1<>/dev/null"] {
            let script = format!("exec \"$@\" {redirection}");
            let output = by_shell(&script, &perjoule(["devices"])).output().unwrap();
            assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{redirection}");
        }
    }
}

#[test]
fn bad_set_points_are_refused() {
    let many = vec!["50"; 101].join(",");
    let cases: [(&[&str], &str); 15] = [
        (&["--steps", "101"], "--steps: \"101\" is not a percentage from 0 to 100"),
        (&["--steps", "100,abc"], "--steps: \"abc\" is not a percentage"),
        (&["--steps", ""], "--steps: \"\" is not a percentage"),
        (&["--steps", "50,,50"], "--steps: \"\" is not"),
        (&["--steps", "-1"], "--steps: \"-1\" is not"),
        (&["--steps", "50%"], "\"50%\""),
        (&["--steps", "NaN"], "\"NaN\""),
        (&["--steps", &many], "--steps with 101 set points: expected 1 to 100"),
        (&["--hold", "0"], "--hold: \"0\" is not a number from 0.2 to 3600"),
        (&["--hold", "-5"], "--hold: \"-5\""),
        (&["--hold", "inf"], "--hold: \"inf\""),
        (&["--engine", "quantum"], "no engine is called \"quantum\""),
        (&["--threads", "0"], "--threads: 0 threads, expected 1 to 1024"),
        (&["--meter-sensor", "cpu"], "\"cpu\" is not DEVICE=FILE"),
        (&["--meter-cmd", "true"], "'--meter-cmd'"),
    ];
    for (args, expected) in cases {
        assert_refused(&run(["dial"].iter().chain(args)), expected);
    }
}

/// How fast it follows is not asked here: the machine may be busy. It takes seven seconds: one to warm
/// up, two at full speed, and four set points that are held long enough for windows to settle.
#[test]
fn a_dial_goes_through_its_set_points() {
    let args = "dial --engine scalar --threads 1 --steps 50,50,0,100 --hold 1 --json";
    let result = json(&run(args.split(' ')), 0);
    assert_eq!(result["engines"], Value::from(vec!["scalar"]));
    assert_eq!((&result["threads"], &result["interrupted"]), (&1.into(), &false.into()));
    assert!(result["full_hashes_per_second"].as_f64() > Some(0.0));
    let steps = result["steps"].as_array().unwrap();
    let ends: Vec<_> =
        steps.iter().map(|step| ["from_percent", "to_percent"].map(|end| &step[end])).collect();
    assert_eq!(ends, [[100.0, 50.0], [50.0, 50.0], [50.0, 0.0], [0.0, 100.0]]);
    // On a machine that has no time for it the windows are too long for such short holds.
    let settled: Vec<_> = steps.iter().filter_map(|it| it["settled_percent"].as_f64()).collect();
    if let [half, _, paused, full] = settled[..] {
        assert!(paused < half && paused < full, "{settled:?}");
    }
    assert!(steps[1]["t90_seconds"].is_null() && steps[1]["hashes_lost"].is_null());
    for step in steps {
        assert_eq!(step["reached"] == "yes", step["t90_seconds"].is_f64(), "{step}");
        assert!(step["overshoot_percent"].as_f64().is_none_or(|it| it >= 0.0), "{step}");
    }
    if result["observed"] == "hash rate" {
        assert!(!result["no_meter"].as_str().unwrap().is_empty() && result["meter"].is_null());
    } else {
        assert!(result["no_meter"].is_null() && result["full_watts"].as_f64() > Some(0.0));
    }
}

/// A sensor that always tells the same shows no work, and the hash rate stands in for it. It takes seven
/// seconds: two of a pause, one to warm up, two at full speed and the steps, which are long enough for a
/// machine that is busy otherwise.
#[test]
fn the_table_says_what_was_observed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("power1_input");
    std::fs::write(&file, "5000000\n").unwrap();
    let sensor = format!("machine={}", file.display());
    let args = ["dial", "--engine", "scalar", "--threads", "1", "--steps", "0", "--hold", "1"];
    let output = run(args.into_iter().chain(["--meter-sensor", &sensor]));
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let text = stdout(&output);
    for words in [
        "engine scalar, 1 thread; each set point held 1 s",
        "observed: hash rate, which stands in for power:\n          machine by hwmon showed no work",
        "100 to 0 %",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// Eight workloads of three rounds, which take a second where nothing else runs.
#[test]
fn score_measures_what_it_is_asked_for() {
    let args = ["score", "--engine", "scalar", "--threads", "2", "--seconds", "0.1", "--json", "-"];
    let result = json(&run(args), 0);
    assert_eq!(result["perjoule"], env!("CARGO_PKG_VERSION"));
    assert_eq!(result["complete"], true);
    let rows = result["rows"].as_array().unwrap();
    let shape = |row: &Value| {
        let number = |value: &Value| value.as_u64().unwrap();
        let variant = row["variant"].as_str().unwrap().to_owned();
        (variant, number(&row["threads"]), number(&row["size"]["versions"]))
    };
    let expected = [("sha2 crate", 1), ("scalar", 1), ("scalar", 8)];
    let expected = [1, 2].map(|threads| expected.map(|(name, v)| (name.to_owned(), threads, v)));
    assert_eq!(rows.iter().map(shape).collect::<Vec<_>>(), expected.concat());
    for row in rows {
        assert_eq!((&row["device"], &row["workload"]), (&"cpu".into(), &"sha256d".into()));
        assert_eq!(row["unit"], "H");
        assert!(row["per_second"]["best"].as_f64().unwrap() > 0.0);
        assert!(row["checks"].as_u64().unwrap() > 0);
        let is_compared = row["variant"] == "scalar";
        // A share of what held still meanwhile, or a mark.
        let is_share = row["of_roof"].as_f64().is_some_and(|share| share <= 1.05);
        let is_marked = row["of_roof"].is_null() && row["roof"]["disturbed"] == true;
        assert_eq!(is_share || is_marked, is_compared, "{row}");
        assert_eq!(row["times_sha2"].as_f64().is_some(), is_compared, "{row}");
    }
}

#[test]
fn score_takes_devices_kinds_types_and_sizes() {
    let score = |args: &str| {
        let args = format!("score --device cpu --threads 1 --seconds 0.1 --json - {args}");
        let result = json(&run(args.split(' ')), 0);
        let rows = result["rows"].as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row["device"] == "cpu"), "{rows:?}");
        rows
    };
    let name = |row: &Value| format!("{} {}", row["workload"], row["variant"]).replace('"', "");
    let names = |rows: &[Value]| rows.iter().map(name).collect::<Vec<_>>();

    let rows = score("--workload bandwidth --size 1MiB");
    assert_eq!(names(&rows), ["bandwidth copy", "bandwidth triad"]);
    assert_eq!(
        [&rows[0], &rows[1]].map(|row| row["size"]["bytes"].as_u64().unwrap() >> 20),
        [2, 3]
    );
    assert!(rows[1]["of_roof"].as_f64().is_some() || rows[1]["roof"]["disturbed"] == true);
    assert_eq!(rows[1]["roof"]["of"], "bandwidth copy, 2097152 bytes, 1 thread");

    let rows = score("--workload peak --dtype i32");
    assert_eq!((names(&rows), &rows[0]["unit"]), (vec!["peak i32".to_owned()], &"op".into()));

    if cfg!(feature = "matmul") {
        let rows = score("--workload matmul --dtype f32 --dtype i8 --size 40x50x60");
        assert_eq!(names(&rows), ["matmul f32", "matmul i8"]);
        let expected: Value = serde_json::json!({ "matrices": { "m": 40, "n": 50, "k": 60 } });
        assert!(rows.iter().all(|row| row["size"] == expected), "{rows:?}");
        assert_eq!(rows[0]["unit"], "FLOP");
        assert!(rows[0]["roof"]["per_second"].as_f64().unwrap() > 0.0);
    } else {
        let args = ["score", "--device", "cpu", "--workload", "matmul"];
        assert_refused(&run(args), "this build (feature `matmul`)");
    }
}

/// Every engine takes part, three rounds on each.
#[test]
fn score_prints_tables_and_writes_a_whole_file() {
    let folder = std::env::temp_dir().join(format!("perjoule-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("score.json");
    let args = "score --device cpu --workload sha256d --workload peak --workload bandwidth --size \
                1MiB --threads 1 --seconds 0.1 --json";
    let args = args.split(' ').map(OsStr::new).chain([file.as_os_str()]);
    let output = run(args);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let text = stdout(&output);
    for part in ["SHA-256d on cpu", "arithmetic on cpu", "memory and launches on cpu"] {
        assert!(text.contains(part), "{text}");
    }
    // How far apart its columns are depends on their numbers.
    let header = text.lines().find(|line| line.trim_start().starts_with("engine")).unwrap();
    let columns: Vec<_> = header.split_whitespace().collect();
    assert_eq!(columns[..4], ["engine", "threads", "versions", "best"], "{header}");
    assert!(columns[4].ends_with("H/s") && columns[5] == "median", "{header}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let rows = written["rows"].as_array().unwrap();
    assert!(rows.len() > 5, "{written}");
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A score of nothing but memory, with these arguments.
fn score_of_memory(args: &[&str]) -> Output {
    of_memory(args).output().unwrap()
}

fn of_memory(args: &[&str]) -> Command {
    perjoule(FEW.split(' ').chain(args.iter().copied()))
}

/// What a score writes of memory and a machine that draws 210 W, by a command that says so. It looks
/// at the idle machine for two seconds before and two after, so that several tests have one.
#[cfg(unix)]
static METERED: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| {
    json(&score_of_memory(&["--meter-cmd", "echo 210 W", "--json", "-"]), 0)
});

/// The arguments of a score that is soon done.
const FEW: &str =
    "score --device cpu --workload bandwidth --size 1MiB --threads 1 --seconds 0.1 --quick";

/// A machine with one counter of its processor, in powercap.
#[cfg(target_os = "linux")]
struct Metered {
    root: tempfile::TempDir,
}

#[cfg(target_os = "linux")]
impl Metered {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let metered = Self { root };
        std::fs::create_dir_all(metered.file("")).unwrap();
        for (file, text) in
            [("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", "7")]
        {
            std::fs::write(metered.file(file), text).unwrap();
        }
        metered
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join("sys/class/powercap/intel-rapl:0").join(name)
    }

    fn score(&self, args: &[&str]) -> Command {
        let mut command = of_memory(args);
        command.env(ROOT, self.root.path());
        command
    }

    /// The same while its counter counts.
    fn score_while_it_counts(&self, args: &[&str]) -> Output {
        use std::sync::atomic::{AtomicBool, Ordering};

        let done = AtomicBool::new(false);
        let (counter, next) = (self.file("energy_uj"), self.file("next"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut joules = 1_u64;
                while !done.load(Ordering::Relaxed) {
                    joules += 1;
                    // Whole at any time, as a kernel's file is.
                    std::fs::write(&next, format!("{joules}000000")).unwrap();
                    std::fs::rename(&next, &counter).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            });
            let output = self.score(args).output().unwrap();
            done.store(true, Ordering::Relaxed);
            output
        })
    }
}

/// As in a virtual machine whose host answers every read with one number. A score looks at the idle
/// machine for four seconds, as in all tests with energy.
#[cfg(target_os = "linux")]
#[test]
fn a_counter_that_stands_still_takes_no_place() {
    let machine = Metered::new();
    let mut devices = perjoule(["devices"]);
    devices.env(ROOT, machine.root.path());
    let [stated, silent, strict, devices] = at_once([
        machine.score(&["--assume-watts", "cpu=50", "--json", "-"]),
        machine.score(&["--json", "-"]),
        machine.score(&["--require-measured"]),
        devices,
    ]);
    let result = json(&stated, 0);
    for row in result["rows"].as_array().unwrap() {
        let energy = &row["energy"];
        assert_eq!((&energy["source"], &energy["assumed"]), (&"assumed".into(), &true.into()));
    }
    let meters = result["meters"].as_array().unwrap();
    let dead = meters.iter().find(|meter| meter["source"] == "rapl").unwrap();
    let why = dead["unavailable"].as_str().unwrap();
    assert!(why.contains("stands still"), "{why}");

    let result = json(&silent, 0);
    assert_eq!(result["traces"], serde_json::json!([]), "nothing was read");
    for row in result["rows"].as_array().unwrap() {
        assert_eq!(row["no_energy"], "no meter measures cpu");
    }
    assert_eq!(strict.status.code(), Some(3));
    assert!(stderr(&strict).contains("stands still"), "{strict:?}");

    let line = stdout(&devices).lines().find(|line| line.contains("stands still")).unwrap();
    assert!(line.starts_with("rapl "), "{line}");
    assert!(line.contains("--assume-watts cpu=W"), "{line}");
}

/// Four seconds of the idle machine, and two windows of one.
#[cfg(target_os = "linux")]
#[test]
fn a_counter_that_counts_goes_before_what_was_stated() {
    let machine = Metered::new();
    let stated = ["--assume-watts", "cpu=50", "--json", "-"];
    let result = json(&machine.score_while_it_counts(&stated), 0);
    for row in result["rows"].as_array().unwrap() {
        let energy = &row["energy"];
        assert_eq!((&energy["source"], &energy["assumed"]), (&"rapl".into(), &false.into()));
        assert_eq!(energy["charged"], serde_json::json!(["package-0"]));
        assert!(energy["gross_watts"].as_f64().unwrap() > 0.0, "{energy}");
    }
}

/// Four seconds of the idle machine, and two windows.
#[test]
fn stated_watts_become_joules_that_are_marked() {
    let stated = ["--assume-watts", "cpu=50"];
    let [text, written, refused] = at_once([
        of_memory(&stated),
        of_memory(&[&stated[..], &["--json", "-"]].concat()),
        of_memory(&[&stated[..], &["--require-measured"]].concat()),
    ]);
    let result = json(&written, 0);
    let rows = result["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let energy = &row["energy"];
        assert_eq!((&energy["assumed"], &energy["source"]), (&true.into(), &"assumed".into()));
        assert_eq!(energy["charged"], serde_json::json!(["cpu"]));
        let trial = &energy["trials"][0];
        let [work, joules, seconds] =
            ["work", "joules", "seconds"].map(|key| trial[key].as_f64().unwrap());
        assert!((joules / seconds - 50.0).abs() < 5.0, "{trial}");
        let per_joule = energy["per_joule"].as_f64().unwrap();
        assert!((per_joule * joules / work - 1.0).abs() < 1e-6, "{energy}");
    }
    assert!(stdout(&text).contains("~bandwidth triad"), "{text:?}");
    assert!(stdout(&text).contains("given by the user, not measured"), "{text:?}");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

/// Four seconds of the idle machine, and two windows of one.
#[cfg(unix)]
#[test]
fn a_command_measures_the_whole_machine() {
    for row in METERED["rows"].as_array().unwrap() {
        let energy = &row["energy"];
        assert_eq!((&energy["assumed"], &energy["source"]), (&false.into(), &"command".into()));
        assert_eq!(energy["charged"], serde_json::json!(["machine"]));
        let watts = energy["gross_watts"].as_f64().unwrap();
        assert!((watts - 210.0).abs() < 1.0, "{energy}");
        let notes = energy["warnings"].to_string();
        assert!(notes.contains("fewer than 3") && notes.contains("shorter than 5 s"), "{notes}");
    }
    assert!(!METERED["traces"][0]["points"].as_array().unwrap().is_empty());
    for (command, why) in [
        ("false", "1"),
        ("echo none", "none"),
        ("/no/such/program", "program"),
        ("echo 5 W | cat", "sh -c"),
        ("echo 5 W 6 W", "2 powers"),
        ("echo NOMPOWER : 600 Watts", "expected the power of now"),
    ] {
        let refused = score_of_memory(&["--meter-cmd", command]);
        assert_refused(&refused, why);
    }
}

/// Four seconds of the idle machine, and two windows of one.
#[cfg(target_os = "linux")]
#[test]
fn a_sensor_measures_what_the_arguments_say() {
    let folder = tempfile::tempdir().unwrap();
    let sensor = folder.path().join("power1_input");
    std::fs::write(&sensor, "75000000\n").unwrap();
    let named = format!("cpu={}", sensor.display());
    let result = json(&score_of_memory(&["--meter-sensor", &named, "--json", "-"]), 0);
    for row in result["rows"].as_array().unwrap() {
        let energy = &row["energy"];
        assert_eq!((&energy["source"], &energy["charged"][0]), (&"hwmon".into(), &"cpu".into()));
        assert!((energy["gross_watts"].as_f64().unwrap() - 75.0).abs() < 1.0, "{energy}");
    }
    for (named, why) in [
        ("power1_input", "DEVICE=FILE"),
        ("toaster=/x/power1_input", "toaster"),
        ("cpu=/no/such/power1_input", "/no/such/power1_input"),
        ("cpu=/etc/hostname", "/etc/hostname"),
    ] {
        assert_refused(&score_of_memory(&["--meter-sensor", named]), why);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_sensor_of_a_terawatt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sensor = folder.path().join("power1_input");
    std::fs::write(&sensor, "1000000000000000000\n").unwrap();
    let named = format!("machine={}", sensor.display());
    assert_refused(&score_of_memory(&["--meter-sensor", &named]), "no more than 100 MW");
}

/// What a program leaves running is ended, and told before the score: four seconds of the idle machine,
/// and two windows of one.
#[cfg(target_os = "linux")]
#[test]
fn a_command_that_leaves_something_running_is_told_of() {
    let command = "sh -c 'sleep 600 & echo 210 W'";
    let output = score_of_memory(&["--meter-cmd", command, "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stderr(&output).contains("what it leaves running is ended"), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let watts = result["rows"][0]["energy"]["gross_watts"].as_f64().unwrap();
    assert!((watts - 210.0).abs() < 1.0, "{result}");
}

/// Four seconds of the idle machine, and two windows of one.
#[test]
fn a_trace_is_laid_over_the_score_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("wall.csv");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let rows = (0..300).map(|second| format!("{},300\n", now.as_secs() - 100 + second));
    std::fs::write(&trace, "time,watts\n".to_owned() + &rows.collect::<String>()).unwrap();
    let trace = trace.to_str().unwrap();
    let [good, late] = at_once([
        of_memory(&["--meter-csv", trace, "--json", "-"]),
        of_memory(&["--meter-csv", trace, "--meter-csv-ahead", "-86400", "--json", "-"]),
    ]);
    let result = json(&good, 0);
    for row in result["rows"].as_array().unwrap() {
        let energy = &row["energy"];
        assert_eq!(energy["source"], "csv", "{row}");
        assert!((energy["gross_watts"].as_f64().unwrap() - 300.0).abs() < 1e-6, "{energy}");
        assert!((energy["idle_watts"].as_f64().unwrap() - 300.0).abs() < 1e-6, "{energy}");
    }
    let result = json(&late, 0);
    let why = result["rows"][0]["no_energy"].as_str().unwrap();
    assert!(why.contains("check the clocks"), "{why}");
}

/// One row a second of 0.3 kW, from 100 s ago, and a row that is being written.
fn live_trace() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let rows = (0..300).map(|second| format!("{},0.5,0.3\n", now.as_secs() - 100 + second));
    let rows: String = rows.collect();
    format!("time,power.limit [kW],Power (kW)\n{rows}{},0.5,0", now.as_secs() + 200)
}

/// Four seconds of the idle machine, and two windows of one.
#[test]
fn a_trace_may_come_late_and_be_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("wall.csv");
    let never = folder.path().join("never.csv");
    let score =
        |trace: &Path| started(of_memory(&["--meter-csv", trace.to_str().unwrap(), "--json", "-"]));
    let [mut late, never] = [score(&trace), score(&never)];
    // Its own process would write it when the score is done; here it comes once it has been missed.
    let mut told = BufReader::new(late.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    std::fs::write(&trace, live_trace()).unwrap();
    let [output, never] = [late, never].map(|child| child.wait_with_output().unwrap());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(line.contains("wall.csv is not there yet"), "{line}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in result["rows"].as_array().unwrap() {
        assert!((row["energy"]["gross_watts"].as_f64().unwrap() - 300.0).abs() < 1e-6, "{row}");
    }
    // One that never comes costs its joules and nothing else.
    assert_eq!(never.status.code(), Some(0), "{never:?}");
    let result: Value = serde_json::from_slice(&never.stdout).unwrap();
    let why = result["rows"][0]["no_energy"].as_str().unwrap();
    assert!(why.contains("never.csv"), "{why}");
}

#[test]
fn traces_that_are_not_clear_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("wall.csv");
    let name = trace.to_str().unwrap().to_owned();
    for (header, part) in [
        ("time,CPU power,GPU power", "--meter-csv-column"),
        ("time,power.limit [W]", "no column is power"),
        ("time,power_mw", "expected W, mW, kW or MW"),
    ] {
        let row = header.split(',').skip(1).map(|_| ",5").collect::<String>();
        std::fs::write(&trace, format!("{header}\n1769860800{row}\n1769860801{row}\n")).unwrap();
        assert_refused(&score_of_memory(&["--meter-csv", &name]), part);
    }
    let column = ["--meter-csv", &name, "--meter-csv-column", "watts"];
    assert_refused(&score_of_memory(&column), "there is no column \"watts\"");
    assert_refused(&score_of_memory(&["--meter-csv", folder.path().to_str().unwrap()]), "a folder");
    for ahead in ["nan", "inf", "-inf", "1e308", "-1e308", "4e9", "soon", ""] {
        let args = ["--meter-csv", &name, &format!("--meter-csv-ahead={ahead}")];
        assert_refused(&score_of_memory(&args), "is not a number of seconds");
    }
}

#[test]
fn every_report_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [page, table, gauges, score] = ["s.html", "s.csv", "s.prom", "s.json"].map(path);
    let args = ["--html", &page, "--csv", &table, "--prometheus", &gauges, "--json", &score];
    let output = score_of_memory(&args);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{output:?}");
    for (file, part) in [
        (&page, "</html>"),
        (&table, "bandwidth,triad"),
        (&gauges, "# TYPE perjoule_work_per_second gauge"),
        (&score, "\"schema\": 1"),
    ] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(part), "{file}: {text}");
    }

    let output = run(["compare", &score, &score]);
    assert!(stdout(&output).contains("bandwidth triad"), "{output:?}");
    let both = json(&run(["compare", &score, &score, "--json"]), 0);
    assert!(both.to_string().contains("triad"), "{both}");
    std::fs::write(&table, "rubbish").unwrap();
    assert_refused(&run(["compare", &score, &table]), "s.csv");
    assert_refused(&run(["compare", &score, &path("none")]), "none");
    assert_refused(&run(["compare", &score]), "");
}

/// Whatever can be delivered is, and each failure is told once.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_costs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (page, hours) = (path("page.html"), path("hours.csv"));
    let is_told_once = |output: &Output, times: usize| {
        let told = stderr(output);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert_eq!(told.lines().count(), times, "{told}");
        for line in told.lines() {
            assert_eq!(line.matches("/dev/full").count(), 1, "{told}");
            assert_eq!(line.matches("No space left").count(), 1, "{told}");
        }
    };
    let args = ["--json", "/dev/full", "--prometheus", "/dev/full", "--html", &page];
    let output = score_of_memory(&args);
    is_told_once(&output, 2);
    assert!(stdout(&output).contains("bandwidth triad"), "{output:?}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("</html>"));

    let args = ["decide", "--draws", "1000", "--html", "/dev/full", "--hours", &hours];
    let output = run(args.iter().chain(&SITE));
    is_told_once(&output, 1);
    assert!(stdout(&output).contains("S19j Pro"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&hours).unwrap().lines().count(), 8761);

    // A place that went away while it was measured.
    let gone = folder.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let json = gone.join("score.json");
    let args = "score --device cpu --workload bandwidth --size 1MiB --threads 1 --seconds 4 --json";
    let mut command = perjoule(args.split(' ').chain([json.to_str().unwrap()]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    std::fs::remove_dir_all(&gone).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stdout(&output).contains("bandwidth triad"), "{output:?}");
    let told = stderr(&output);
    assert!(told.lines().count() == 1 && told.contains("gone/score.json: its folder"), "{told}");
}

/// Nothing that is read is overwritten, and no output by another one.
#[cfg(unix)]
#[test]
fn files_that_are_named_twice_are_refused_before() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [a, new, link, hard, site] = ["a", "new", "link", "hard", "site.toml"].map(path);
    std::fs::write(&a, "{}").unwrap();
    std::fs::write(&site, "[power.tariff]\n").unwrap();
    symlink(&a, &link).unwrap();
    std::fs::hard_link(&a, &hard).unwrap();
    let around = format!("{}/./new", folder.path().display());
    let score: [(&[&str], &str, &str); 8] = [
        (&["--json", &new, "--html", &new], "--html ", "--json "),
        (&["--csv", &new, "--prometheus", &around], "--prometheus ", "--csv "),
        (&["--csv", &a, "--html", &link], "--html ", "--csv "),
        (&["--csv", &a, "--html", &hard], "--html ", "--csv "),
        (&["--resume", &a, "--csv", &a], "--csv ", "--resume "),
        (&["--resume", &a, "--json", &new, "--html", &link], "--html ", "--resume "),
        (&["--meter-csv", &a, "--json", &hard], "--json ", "--meter-csv "),
        (&["--meter-sensor", &format!("cpu={a}"), "--csv", &a], "--csv ", "--meter-sensor "),
    ];
    for (args, one, other) in score {
        let output = score_of_memory(args);
        assert_refused(&output, one);
        assert_refused(&output, &format!("{other}{}", folder.path().display()));
        assert!(stderr(&output).contains("is the same file; name another"), "{output:?}");
    }
    // What is not there yet is not the same as what is, and this pair is meant.
    assert_refused(&score_of_memory(&["--json", &a, "--resume", &a]), "not a report");

    let decide: [(&[&str], &str, &str); 5] = [
        (&["--html", &site], "--html ", "--site "),
        (&[&a, "--hours", &link], "--hours ", "SCORE "),
        (&["--thresholds", &a, "--html", &hard], "--html ", "--thresholds "),
        (&["--html", &new, "--hours", &new], "--hours ", "--html "),
        (&[&a, "--json", &a], "given twice", "--json takes no file"),
    ];
    for (args, one, other) in decide {
        // The last is told of after the site was read.
        let known = if other.starts_with("--json") { SITE[1] } else { &site };
        let output = run(["decide", "--site", known].iter().chain(args));
        assert_refused(&output, one);
        assert_refused(&output, other);
    }
    assert_eq!(std::fs::read_to_string(&a).unwrap(), "{}");
    assert_eq!(std::fs::read_to_string(&site).unwrap(), "[power.tariff]\n");

    // So is what stdout goes to.
    let out = std::fs::File::create(&new).unwrap();
    let mut command = perjoule(["score", "--json", &new]);
    let output = command.stdout(out).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("stdout goes to the same file"), "{output:?}");
    for args in [["--html", "/dev/null"], ["--csv", "/dev/null"]] {
        let all = [&args[..], &["--prometheus", "/dev/null"]].concat();
        assert_eq!(score_of_memory(&all).status.code(), Some(0));
    }
}

/// The series of a tariff is named by the site's file only.
#[test]
fn the_file_of_a_tariff_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(SITE[1]).unwrap();
    let flat = text.lines().find(|line| line.starts_with("tariff = ")).unwrap();
    let series = "tariff = { file = \"prices.csv\", date = 2025-03-01, source = \"a test\" }";
    let text = text.replace(flat, series);
    std::fs::write(path("site.toml"), text).unwrap();
    let hours = (0..24).map(|hour| format!("2025-03-03T{hour:02}:00:00Z,0.05"));
    let lines: Vec<_> = std::iter::once("time,usd_per_kwh".to_owned()).chain(hours).collect();
    std::fs::write(path("prices.csv"), lines.join("\n")).unwrap();
    let args = ["decide", "--site", &path("site.toml"), "--hours", &path("prices.csv")];
    assert_refused(&run(args), "the tariff's file ");
    assert!(std::fs::read_to_string(path("prices.csv")).unwrap().starts_with("time,"));
}

#[test]
fn a_score_goes_on_where_another_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("score.json");
    let file = file.to_str().unwrap();
    json(&score_of_memory(&["--json", "-"]), 0);
    assert_eq!(score_of_memory(&["--json", file]).status.code(), Some(0));
    let first: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();

    let both = ["--workload", "peak", "--dtype", "i32", "--resume", file, "--json", "-"];
    let both = json(&score_of_memory(&both), 0);
    let rows = both["rows"].as_array().unwrap();
    assert_eq!(rows[..2], first["rows"].as_array().unwrap()[..]);
    assert_eq!((rows.len(), &rows[2]["variant"]), (3, &"i32".into()));
    let nothing = json(&score_of_memory(&["--resume", file, "--json", "-"]), 0);
    assert_eq!(nothing["rows"], first["rows"]);

    let other =
        std::fs::read_to_string(file).unwrap().replace("\"cpu\": \"", "\"cpu\": \"abacus, ");
    std::fs::write(file, other).unwrap();
    assert_refused(&score_of_memory(&["--resume", file]), "another machine");
}

#[cfg(unix)]
#[test]
fn rough_rows_are_marked_and_measured_again_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("score.json");
    let file = file.to_str().unwrap();
    std::fs::write(file, METERED.to_string()).unwrap();
    for row in METERED["rows"].as_array().unwrap() {
        assert_eq!(row["rough"], true, "{row}");
        let energy = &row["energy"];
        assert_eq!(
            (energy["trials"].as_array().unwrap().len(), &energy["uncertainty"]),
            (1, &Value::Null)
        );
        assert!((energy["gross_watts"].as_f64().unwrap() - 210.0).abs() < 0.01, "{energy}");
    }

    let full = "score --device cpu --workload bandwidth --size 1MiB --threads 1 --seconds 0.1 \
                --json - --resume";
    let output = run(full.split_whitespace().chain([file]));
    let told = stderr(&output);
    assert!(told.contains("as --quick had measured it: bandwidth on cpu"), "{told}");
    let second: Value = serde_json::from_str(stdout(&output)).unwrap();
    let rows = second["rows"].as_array().unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row["rough"] == false), "{rows:?}");
}

/// One mechanism reads scores, whoever asks for them.
#[cfg(unix)]
#[test]
fn numbers_that_cannot_be_are_refused_wherever_a_score_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("score.json");
    let file = file.to_str().unwrap();
    for (pointer, value, place) in [
        ("/rows/0/energy/trials/0/joules", -5.0, "rows[0].energy.trials[0].joules is -5, expected"),
        ("/rows/1/energy/per_joule", 1e300, "rows[1].energy.per_joule is 1"),
        ("/rows/1/per_second/best", 1.0, "rows[1].per_second.best is 1, expected at least p90"),
        ("/rows/0/energy/gross_watts", -1.0, "rows[0].energy.gross_watts is -1, expected more"),
    ] {
        let mut bad = METERED.clone();
        *bad.pointer_mut(pointer).unwrap() = value.into();
        std::fs::write(file, bad.to_string()).unwrap();
        for output in at_once([
            perjoule(["decide", file].iter().chain(&SITE)),
            perjoule(["compare", file, file]),
            of_memory(&["--resume", file]),
        ]) {
            assert_refused(&output, place);
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let endless = folder.path().join("endless");
    std::fs::File::create(&endless).unwrap().set_len(3 << 30).unwrap();
    for (path, what) in [
        (folder.path(), "it is a folder, expected a file"),
        (&pipe, "it is a pipe, expected a file"),
        ("/dev/zero".as_ref(), "it is a device, expected a file"),
        (&endless, "which is the limit of"),
    ] {
        let path = path.to_str().unwrap();
        for output in [
            run(["compare", path, path]),
            run(["decide", path].iter().chain(&SITE)),
            run(["decide", "--site", path]),
            run(["decide", "--thresholds", path].iter().chain(&SITE)),
            score_of_memory(&["--resume", path]),
        ] {
            assert_refused(&output, what);
        }
    }
}

#[test]
fn meters_are_listed_or_explained() {
    let listed = json(&run(["devices", "--json"]), 0);
    let meters = listed["meters"].as_array().unwrap();
    assert!(!meters.is_empty());
    for meter in meters {
        assert!(!meter["detail"].as_str().unwrap().is_empty(), "{meter}");
        assert!(!meter["source"].as_str().unwrap().is_empty(), "{meter}");
        assert!(meter["available"] == false || meter["domain"].is_string(), "{meter}");
    }
    assert!(stdout(&run(["devices"])).contains(meters[0]["detail"].as_str().unwrap()));
}

#[test]
fn score_refuses_what_it_cannot_use() {
    for (args, part) in [
        ("--seconds 0", "from 0.1 to 3600"),
        ("--seconds soon", "\"soon\""),
        ("--threads 0", "0 threads"),
        ("--threads 10000", "10000 threads"),
        ("--engine fast", "\"fast\""),
        ("--device tpu", "\"tpu\""),
        ("--device gpu:250", "gpu:250 is not available"),
        ("--workload coffee", "\"coffee\""),
        ("--dtype f8", "\"f8\""),
        ("--size 12by12", "\"12by12\""),
        ("--size 0", "\"0\""),
        ("--workload bandwidth --size 1000000GiB", "the limit is"),
        ("--engine scalar --device cpu", "cannot be used with"),
        ("--device cpu --workload latency", "nothing"),
        ("--json /no_such_folder/score.json", "folder does not exist"),
        ("--html /no_such_folder/score.html", "folder does not exist"),
        ("--assume-watts 50", "\"50\""),
        ("--assume-watts cpu=none", "\"none\""),
        ("--assume-watts toaster=50", "toaster"),
        ("--meter-csv /no_such_folder/wall.csv", "no_such_folder"),
        ("--meter-csv-column watts", "--meter-csv"),
        ("--meter-csv-ahead 5", "--meter-csv"),
    ] {
        assert_refused(&run(["score"].into_iter().chain(args.split(' '))), part);
    }
}

/// A site of the examples, and a day on which its prices were new.
const SITE: [&str; 4] = ["--site", "examples/sites/paraguay-hydro.toml", "--today", "2025-03-03"];

#[test]
fn a_site_is_decided_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (page, hours) = (path("decision.html"), path("plan.csv"));
    let args = ["decide", "--json", "--html", &page, "--hours", &hours, "--draws", "1000"];
    let result = json(&run(args.iter().chain(&SITE)), 0);
    assert_eq!(result["schema"], 3);
    let devices = result["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    assert_eq!(devices[0]["mining"]["basis"], "data_sheet");
    assert_eq!(devices[1]["owned"], false);
    assert_eq!(result["plan"]["hours"], 8760);
    assert_eq!(result["asics"].as_array().unwrap().len(), 4);
    assert!(result["warnings"][0].as_str().unwrap().contains("power.tariff is of 2023-07-19"));

    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.len() < 500_000);
    let lines = std::fs::read_to_string(hours).unwrap();
    assert_eq!(lines.lines().count(), 8761);
    assert!(lines.starts_with("start,tariff_usd_per_kwh,mining_watts,ai_watts,curtailed_watts\n"));

    let text = run(["decide", "--draws", "1000"].iter().chain(&SITE));
    assert_eq!(text.status.code(), Some(0));
    assert!(stdout(&text).contains("S19j Pro 104 TH/s"));
    assert!(stdout(&text).lines().all(|line| line.chars().count() <= 80));
    let details = run(["decide", "--draws", "1000", "--details"].iter().chain(&SITE));
    assert!(stdout(&details).starts_with(stdout(&text)) && stdout(&details).contains("J/TH"));
}

/// The answers of `docs/decide.md`, as the command gives them now. `PERJOULE_WRITE_EXPECTED=1` writes them
/// anew.
#[test]
fn worked_answers_are_those_of_the_command() {
    const PAGE: &str = "docs/decide.md";
    const BEGIN: &str = "```console\n$ perjoule ";
    let page = std::fs::read_to_string(PAGE).unwrap();
    let mut parts = page.split(BEGIN);
    let mut now = parts.next().unwrap().to_owned();
    let mut answers = 0;
    for part in parts {
        let (block, rest) = part.split_once("```\n").unwrap();
        let (command, _) = block.split_once('\n').unwrap();
        let output = run(command.split(' '));
        assert_eq!(output.status.code(), Some(0), "{command}: {}", stderr(&output));
        now.extend([BEGIN, command, "\n", stdout(&output), "```\n", rest]);
        answers += 1;
    }
    assert!(answers >= 11, "{answers} answers");
    if std::env::var_os("PERJOULE_WRITE_EXPECTED").is_some() {
        std::fs::write(PAGE, now).unwrap();
    } else {
        assert!(
            now == page,
            "{PAGE} is out of date; if the change is meant: PERJOULE_WRITE_EXPECTED=1"
        );
    }
}

/// As many scores of one kind are one kind, on one screen.
#[test]
fn equal_machines_are_one_kind() {
    let folder = tempfile::tempdir().unwrap();
    let score = std::fs::read_to_string("tests/expected/full.json").unwrap();
    let site = folder.path().join("site.toml");
    let dated = |what: &str| format!("{{ {what}, date = 2026-07-01, source = \"x\" }}");
    let text = format!(
        "name = \"a hall\"\n[power]\ntariff = {}\nloss = 0\n[site]\npower_mw = 1\nai_pue = 1.2\n\
         ai_operations = {}\n[ai]\nmarket = {{ fee = {} }}\n[capital]\nretrofit = {}\n\
         months_to_convert = 0\nlife_years = 3\nsalvage = 0\ndiscount_rate = 0.1\n[[device]]\n\
         name = \"card\"\nscore = \"gpu:0\"\nfile = \"rig-*.json\"\nhost_watts = 100\n\
         supply_efficiency = 0.9\nresale = {}\nrental = {{ price = {}, utilisation = {} }}\n",
        dated("usd_per_kwh = 0.05"),
        dated("usd_per_mw_year = 0"),
        dated("share = 0.2"),
        dated("usd_per_mw = 0"),
        dated("usd = 20000"),
        dated("usd_per_hour = 2"),
        dated("share = 0.7"),
    );
    std::fs::write(&site, text).unwrap();
    let files: Vec<_> = (0..200)
        .map(|rig| {
            let file = folder.path().join(format!("rig-{rig}.json"));
            std::fs::write(&file, &score).unwrap();
            file.display().to_string()
        })
        .collect();
    let site = site.display().to_string();
    let args = ["decide", "--site", &site, "--today", "2026-07-01"];
    let output = run(args.iter().copied().chain(files.iter().map(String::as_str)));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("200 x card") && text.matches(" x card").count() == 1, "{text}");
    // What no section names is told in a line.
    assert!(text.lines().count() <= 50, "{text}");
}

#[test]
fn a_first_look_needs_five_numbers_and_no_file() {
    let args = ["decide", "--power", "0.065", "--btc", "90000", "--difficulty", "150e12"];
    let device = ["--device", "S19 95TH 3250W x500 @150", "--device", "S21 200TH 3.5kW buy@3000"];
    let look = |more: &[&str]| {
        run(args
            .iter()
            .chain(&device)
            .chain(&["--today", "2026-11-28", "--draws", "1000"])
            .chain(more))
    };
    let decision = json(&look(&["--json"]), 0);
    assert_eq!(decision["devices"][0]["count"], 500);
    assert_eq!(decision["devices"][0]["owned"], true);
    assert_eq!(decision["devices"][1]["owned"], false);
    // 952 days since block 840,000 of 2024-04-20.
    assert_eq!(decision["prices"]["mining"]["blocks_to_halving"], 210_000 - 952 * 144);
    let all = decision["assumed"].as_array().unwrap();
    let assumed = |what: &str| {
        let is_it = |it: &&Value| it.as_str().is_some_and(|it| it.contains(what));
        all.iter().filter(is_it).count()
    };
    for what in ["losses", "fees", "3 more years", "as certain", "AI", "height 977088"] {
        assert_eq!(assumed(what), 1, "{what}: {all:?}");
    }
    let text = look(&[]);
    assert_eq!(text.status.code(), Some(0));
    assert!(stdout(&text).contains("500 x S19"), "{}", stdout(&text));

    assert_refused(&run(args), "--device");
    let wrong = run(args.iter().chain(&["--device", "S19 95TH 3250W"]));
    assert_refused(&wrong, "no price, expected a name, terahashes a second");
    // By its data sheet in the catalogue, if that has one of the name.
    let known = run(args.iter().chain(&["--device", "S19 95TH x500 @150", "--draws", "1000"]));
    assert!(stdout(&known).contains("500 x S19"), "{}", stderr(&known));
    let several = run(args.iter().chain(&["--device", "S19 Pro @150"]));
    assert_refused(&several, "which of Antminer S19 Pro 110T");
    // Numbers as people write them.
    let written = ["decide", "--power", "0.065", "--btc", "$90,000", "--difficulty", "150T"];
    let written =
        json(&run(written.iter().chain(&device).chain(&["--json", "--draws", "1000"])), 0);
    assert_eq!(written["prices"]["mining"]["difficulty"], 150e12);
    assert_eq!(written["prices"]["mining"]["btc_usd"], 90_000.0);
    assert_refused(&run(["decide", "site.toml"]), "a site is given as --site site.toml");
    // Cards are rented out, and need no price of a bitcoin.
    let card = ["decide", "--power", "0.1", "--device", "RTX 3090 x18 @650 rent@0.17 60%"];
    let rented = json(&run(card.iter().chain(&["--json", "--draws", "1000"])), 0);
    assert_eq!(rented["devices"][0]["verdict"]["advice"], "rent");
    assert_eq!(rented["devices"][0]["renting"]["basis"], "data_sheet");
    assert_eq!(rented["prices"]["mining"], Value::Null);
    let miner = ["decide", "--power", "0.1", "--device", "S19 95TH 3250W @150"];
    assert_refused(&run(miner), "add --btc and --difficulty");
    assert_refused(&look(&["--site", "x.toml"]), "cannot be used with");
    // Without --power they would have no effect.
    for alone in [["--btc", "9"], ["--difficulty", "9"], ["--height", "9"], ["--years", "9"]] {
        let site = ["decide", "--site", SITE[1]];
        assert_refused(&run(site.iter().chain(&alone)), alone[0]);
    }
    let twice = ["--device", "S19 1TH 1W @1", "--device", "S19 2TH 1W @1"];
    assert_refused(&run(args.iter().chain(&twice)), "S19 is there twice");
}

#[test]
fn the_template_of_a_site_is_told_to_be_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.toml");
    let template = run(["site-template"]);
    assert_eq!(template.status.code(), Some(0));
    std::fs::write(&site, &template.stdout).unwrap();
    let output = run([OsStr::new("decide"), OsStr::new("--site"), site.as_os_str()]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
    let lines: Vec<_> = stderr(&output).lines().collect();
    assert!(lines.len() > 10, "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("perjoule: ") && line.contains("line ")));
    assert!(lines.iter().any(|line| line.ends_with("mining.btc_price: missing")), "{lines:#?}");
    let rent = run(["site-template", "--for", "rent"]);
    assert!(stdout(&rent).contains("rental") && !stdout(&rent).contains("btc_price"));
}

#[test]
fn decisions_refuse_what_they_cannot_use() {
    for (args, expected) in [
        (&["decide", "--site", "/nonexistent/site.toml"][..], "perjoule site-template >"),
        (&["decide", "--confidence", "0.2"], "--confidence"),
        (&["decide", "--draws", "0"], "--draws"),
        (&["decide", "--today", "soon"], "--today"),
        (&["decide", "--html", "/nonexistent/x.html"], "its folder does not exist"),
        (&["decide", "/nonexistent.json", "--site", SITE[1]], "/nonexistent.json"),
        (&["decide", "Cargo.toml", "--site", SITE[1]], "Cargo.toml"),
    ] {
        let output = run(args);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""), "{args:?}");
        let told = stderr(&output);
        assert!(told.contains(expected) && told.lines().count() == 1, "{args:?}: {told}");
    }
}
