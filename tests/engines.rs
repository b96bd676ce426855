//! Every engine of this machine against the oracle, nonce by nonce: processors and GPUs, among the
//! GPUs those that a driver only computes.
//!
//! An engine that the machine lacks is named, not passed over: `--nocapture` shows a line
//! `tested: avx2` for each one that ran and `not tested: …` with the reason for each other.
//! `PERJOULE_REQUIRE_ENGINES=avx2,sha-ni` makes it a failure when one of those is missing.

mod common;
// The library's own tests read the fields that these do not.
#[allow(dead_code)]
#[path = "../src/block/tests/notable.rs"]
mod notable;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use perjoule::block::{Header, Target, Version, VersionMask};
use perjoule::engine::verify;
use perjoule::engine::{self, Candidate, Engine, EngineError, EngineId, Scanned};
use perjoule::job::{Job, MAX_GROUP, NonceRange};
use proptest::prelude::*;

use common::{assert_same, target};
use notable::NOTABLE;

/// Everything that a scan is asked.
#[derive(Clone, Debug)]
struct Case {
    header: Header,
    target: Target,
    versions: Vec<Version>,
    nonces: NonceRange,
}

impl Case {
    fn job(&self) -> Job {
        Job::with_versions(self.header, self.target, &self.versions).expect("1 to 8 versions")
    }

    /// What the contract of `Engine::scan` asks for, in its words.
    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for nonce in u64::from(self.nonces.start())..self.nonces.end() {
            for &version in &self.versions {
                let candidate = Candidate { nonce: nonce as u32, version };
                if top_word(&self.header, candidate) <= self.target.top_word() {
                    candidates.push(candidate);
                }
            }
        }
        candidates
    }

    /// What a scan of all of it reports.
    fn scanned(&self) -> Scanned {
        scanned(self.nonces.len(), &self.versions)
    }
}

fn scanned(nonces: u64, versions: &[Version]) -> Scanned {
    Scanned { nonces, hashes: nonces * versions.len() as u64 }
}

/// The most significant 32 bits of the hash as a number: its last four bytes, little-endian.
fn top_word(header: &Header, candidate: Candidate) -> u32 {
    let header = header.with_version(candidate.version).with_nonce(candidate.nonce);
    let hash = common::hash(&header);
    u32::from_le_bytes(*hash.as_bytes().last_chunk().expect("32 is over 4"))
}

/// The engines that are tested.
fn engines() -> &'static [Arc<dyn Engine>] {
    static ENGINES: LazyLock<Vec<Arc<dyn Engine>>> =
        LazyLock::new(|| engine::available().into_iter().chain(gpus().iter().cloned()).collect());
    &ENGINES
}

/// The engines of the processor, and one of [`gpus`], each in its turn: all of them would take five times as long.
fn engines_in_turn() -> impl Iterator<Item = &'static Arc<dyn Engine>> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let gpu = gpus().get(turn % gpus().len().max(1));
    engines().iter().filter(|engine| !matches!(engine.id(), EngineId::Gpu(_))).chain(gpu)
}

/// All GPUs with every variant of the kernel that tuning may choose on some GPU, opened once for all tests. One that cannot
/// be opened fails them.
fn gpus() -> &'static [Arc<dyn Engine>] {
    static GPUS: LazyLock<Vec<Arc<dyn Engine>>> = LazyLock::new(|| {
        #[cfg(feature = "gpu")]
        return perjoule::gpu::adapters().iter().flat_map(variants).collect();
        #[cfg(not(feature = "gpu"))]
        Vec::new()
    });
    &GPUS
}

#[cfg(feature = "gpu")]
fn variants(adapter: &perjoule::gpu::Adapter) -> Vec<Arc<dyn Engine>> {
    use perjoule::engine::gpu::{Gpu, KernelForm, KernelShape};
    let variant = |form| {
        let plain = KernelShape { rolling: false, form, group: 64, nonces: 4 };
        let several = KernelShape { rolling: true, nonces: 1, ..plain };
        let gpu = Gpu::open_as(adapter, plain, several);
        let gpu = gpu.unwrap_or_else(|unavailable| panic!("{form}: {unavailable}"));
        Arc::new(gpu) as Arc<dyn Engine>
    };
    KernelForm::all().into_iter().map(variant).collect()
}

fn scan(
    engine: &Arc<dyn Engine>,
    job: &Job,
    nonces: NonceRange,
    limit: usize,
    out: &mut Vec<Candidate>,
) -> Scanned {
    engine.scan(job, nonces, limit, out).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Scans all of `case` with every engine and compares with the oracle.
fn check(case: &Case) {
    let job = case.job();
    let expected = case.candidates();
    for engine in engines_in_turn() {
        let mut found = Vec::new();
        let scanned = scan(engine, &job, case.nonces, usize::MAX, &mut found);
        assert_same(&found, &expected, &engine.id());
        assert_eq!(scanned, case.scanned(), "{}", engine.id());
    }
}

/// Scans `case` with every engine, `limit` candidates at a time, and compares with the oracle.
fn check_in_steps(case: &Case, limit: usize) {
    let job = case.job();
    let expected = case.candidates();
    for engine in engines_in_turn() {
        let id = engine.id();
        let mut found = Vec::new();
        let mut done = 0;
        let mut rest = case.nonces;
        while !rest.is_empty() {
            let mut out = Vec::new();
            let step = scan(engine, &job, rest, limit, &mut out);
            assert!((1..=rest.len()).contains(&step.nonces), "{id}: {step:?} of {rest:?}");
            assert_eq!(step, scanned(step.nonces, &case.versions), "{id}");
            let early = step.nonces < rest.len();
            assert!(!early || out.len() >= limit, "{id}: gave up at {step:?} with {}", out.len());
            found.append(&mut out);
            done += step.nonces;
            rest = rest.split_at(step.nonces).1;
        }
        assert_same(&found, &expected, &format_args!("{id}, limit {limit}"));
        assert_eq!(done, case.nonces.len(), "{id}, limit {limit}");
    }
}

/// Every number of lanes, one less and one more; nothing; 31, which uses each power of two once.
const LENGTHS: [u64; 19] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100];

/// `len` nonces from `start`, or from as near before it as they fit below 2^32.
fn nonces(start: u32, len: u64) -> NonceRange {
    let start = u64::from(start).min((1 << 32) - len);
    // Nothing can only start at a nonce that exists.
    let start = u32::try_from(start).unwrap_or(u32::MAX);
    NonceRange::new(start, u64::from(start) + len).expect("below 2^32")
}

fn versions(bits: &[u32]) -> Vec<Version> {
    bits.iter().copied().map(Version::from_consensus).collect()
}

/// These do not depend on `PROPTEST_CASES`, which an emulator sets low.
#[test]
fn lengths_around_the_lanes_at_the_ends_of_the_nonces() {
    let easy = [Target::MAX, Target::MAX_ATTAINABLE_REGTEST, target(0x1fff_ffff, 0)];
    for (i, len) in LENGTHS.into_iter().enumerate() {
        for start in [0, 0x0000_ffe9, 0x7fff_fff7, u32::MAX] {
            check(&Case {
                header: common::header(i as u8),
                target: easy[i % easy.len()],
                versions: versions(&[0x2000_0000, 0xffff_ffff, 0][..=i % 3]),
                nonces: nonces(start, len),
            });
        }
    }
}

#[test]
fn every_number_of_versions() {
    let bits = [0x2000_0000, 0x2000_2000, 1, 0, 0xffff_ffff, 0x8000_0000, 0x3fff_e004, 0x1234_5678];
    for k in 1..=MAX_GROUP {
        check(&Case {
            header: common::header(k as u8),
            target: target(0x3fff_ffff, 0xff),
            versions: versions(&bits[..k]),
            nonces: nonces(u32::MAX, 67),
        });
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    prop::collection::vec(any::<u8>(), Header::LEN)
        .prop_map(|bytes| Header::from_slice(&bytes).expect("80 bytes"))
}

/// From targets that every hash meets, over those that some do, to those that none will.
fn any_target() -> impl Strategy<Value = Target> {
    let tops = [0x00ff_ffff, 0x0fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe];
    prop_oneof![
        Just(Target::MAX),
        Just(Target::MAX_ATTAINABLE_REGTEST),
        (prop::sample::select(tops.to_vec()), any::<u8>())
            .prop_map(|(top, rest)| target(top, rest)),
        (1_u32.., any::<u8>()).prop_map(|(top, rest)| target(top, rest)),
        Just(Target::MAX_ATTAINABLE_MAINNET),
        // Forty zero bits.
        Just(
            Target::from_be_bytes(std::array::from_fn(|i| if i < 5 { 0 } else { 0xff }))
                .expect("not zero")
        ),
    ]
}

fn any_versions() -> impl Strategy<Value = Vec<Version>> {
    prop::collection::vec(any::<u32>(), 1..=MAX_GROUP).prop_map(|bits| versions(&bits))
}

fn any_nonces() -> impl Strategy<Value = NonceRange> {
    let len = prop_oneof![prop::sample::select(LENGTHS.to_vec()), 0..200_u64];
    let start = prop_oneof![any::<u32>(), Just(u32::MAX), 0..70_u32];
    (start, len).prop_map(|(start, len)| nonces(start, len))
}

prop_compose! {
    fn any_case()(
        header in any_header(),
        target in any_target(),
        versions in any_versions(),
        nonces in any_nonces(),
    ) -> Case {
        Case { header, target, versions, nonces }
    }
}

proptest! {
    // PROPTEST_CASES still sets the number of cases. What fails is printed whole; a file of past
    // failures would have no place, since proptest looks for a lib.rs to put it beside.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn same_candidates_in_the_same_order_as_the_oracle(case in any_case()) {
        check(&case);
    }

    #[test]
    fn scans_resume_after_a_limit(case in any_case(), limit in prop::sample::select(vec![1_usize, 2, 7])) {
        check_in_steps(&case, limit);
    }

    /// `top ≤ target_top` with the two equal: kept, whatever the rest of the target, which only
    /// verification looks at; one less: not.
    #[test]
    fn equal_top_words_are_kept(
        header in any_header(),
        versions in any_versions(),
        nonces in any_nonces().prop_filter("a nonce to pick", |nonces| !nonces.is_empty()),
        pick in any::<prop::sample::Index>(),
        pick_version in any::<prop::sample::Index>(),
    ) {
        let nonce = nonces.start() + pick.index(nonces.len() as usize) as u32;
        let chosen = Candidate { nonce, version: *pick_version.get(&versions) };
        let top = top_word(&header, chosen);
        prop_assume!(top > 0);

        for (top, rest, kept) in [(top, 0, true), (top, 0xff, true), (top - 1, 0xff, false)] {
            // A target of zero is none.
            prop_assume!(top > 0 || rest > 0);
            let case = Case { header, target: target(top, rest), versions: versions.clone(), nonces };
            prop_assert_eq!(case.candidates().contains(&chosen), kept);
            check(&case);
        }
    }
}

#[test]
fn a_limit_ends_a_scan_soon() {
    let nonces = nonces(7, 100_000);
    for engine in engines() {
        let job = Job::new(common::header(1), Target::MAX);
        let mut out = Vec::new();
        let scanned = scan(engine, &job, nonces, 1, &mut out);
        assert!(scanned.nonces <= 256, "{}: {scanned:?}", engine.id());
        assert_eq!(out.len() as u64, scanned.hashes, "{}", engine.id());
    }
}

#[test]
fn a_scan_appends_and_counts_what_was_there() {
    let there = Candidate { nonce: 99, version: Version::from_consensus(99) };
    let header = common::header(2);
    let job = Job::new(header, Target::MAX);
    for engine in engines() {
        let id = engine.id();
        let mut out = vec![there];
        assert_eq!(scan(engine, &job, nonces(0, 5), 1, &mut out), Scanned::default(), "{id}");
        assert_eq!(out, [there], "{id}");

        assert_eq!(scan(engine, &job, nonces(0, 5), 100, &mut out).nonces, 5, "{id}");
        let version = header.version();
        let expected: Vec<_> = (0..5).map(|nonce| Candidate { nonce, version }).collect();
        assert_eq!((out[0], &out[1..]), (there, &expected[..]), "{id}");
    }
}

/// A GPU that leaves out part of a large dispatch, as drivers do that end long loops, has too few. A
/// software driver computes for seconds, as it has 27 million hashes.
#[test]
fn large_ranges_have_the_same_candidates_on_gpus() {
    for gpu in gpus() {
        for versions in [versions(&[4]), versions(&[1, 2, 3, 4, 5, 6, 7, 8])] {
            let header = common::header(77);
            let job = Job::with_versions(header, target(0x000f_ffff, 0xff), &versions);
            let job = job.expect("1 to 8 versions");
            let nonces = nonces(u32::MAX, 3_000_001);
            let mut expected = Vec::new();
            scan(&engine::best(versions.len()), &job, nonces, usize::MAX, &mut expected);
            let mut found = Vec::new();
            scan(gpu, &job, nonces, usize::MAX, &mut found);
            assert_same(&found, &expected, &gpu.id());
        }
    }
}

/// Scans for the nonce of each notable header, among others and with the version in a group.
#[test]
fn mainnet_headers_are_found_again() {
    for notable in &NOTABLE {
        let solved = Header::from_hex(notable.header).expect("a header");
        let target = Target::from_compact(solved.bits()).expect("a target");
        let header = solved.with_nonce(0);
        let found = Candidate { nonce: notable.nonce, version: solved.version() };

        let alone = vec![solved.version()];
        // Index 0 of the mask is the version itself: it comes second here.
        let rolled = [3, 0, 1, 2, 65_535].map(|i| VersionMask::BIP320.version(solved.version(), i));
        for (versions, around) in [(alone, 2_003), (rolled.to_vec(), 301)] {
            let start = notable.nonce.saturating_sub(around);
            let nonces = nonces(start, 2 * u64::from(around));
            let case = Case { header, target, versions, nonces };
            let job = case.job();
            for engine in engines() {
                let place = format!("{} at height {}", engine.id(), notable.height);
                let mut out = Vec::new();
                let scanned = scan(engine, &job, case.nonces, usize::MAX, &mut out);
                assert_eq!(scanned, case.scanned(), "{place}");
                // That another of these hashes starts with 32 zeros has been looked at: none does.
                assert_eq!(out, [found], "{place}");
                let share = verify(&job, out[0]).expect(&place);
                assert_eq!(*share.header(), solved, "{place}");
                assert_eq!(share.hash().to_string(), notable.hash, "{place}");
            }
        }
    }
}

/// Height 8451 has the smallest nonce of the early chain: small enough to search from 0.
#[test]
fn a_mainnet_block_is_mined_from_nonce_zero() {
    let notable = NOTABLE.iter().find(|notable| notable.height == 8_451).expect("it is there");
    let solved = Header::from_hex(notable.header).expect("a header");
    let job =
        Job::new(solved.with_nonce(0), Target::from_compact(solved.bits()).expect("a target"));
    for engine in engines() {
        let mut out = Vec::new();
        let scanned = scan(engine, &job, nonces(0, 102_332), usize::MAX, &mut out);
        assert_eq!(scanned, Scanned { nonces: 102_332, hashes: 102_332 }, "{}", engine.id());
        let shares: Vec<_> = out.into_iter().filter_map(|found| verify(&job, found)).collect();
        assert_eq!(shares.len(), 1, "{}", engine.id());
        assert_eq!(*shares[0].header(), solved, "{}", engine.id());
        assert_eq!(shares[0].hash().to_string(), notable.hash, "{}", engine.id());
    }
}

#[test]
fn only_verification_compares_256_bits() {
    let header = common::header(3);
    let candidate = Candidate { nonce: 5, version: header.version() };
    let solved = header.with_nonce(5);
    let hash = common::hash(&solved);

    let exact = Target::from_le_bytes(*hash.as_bytes()).expect("not zero");
    let share = verify(&Job::new(header, exact), candidate).expect("equal is enough");
    assert_eq!((*share.header(), share.hash()), (solved, hash));

    let mut less = exact.to_be_bytes();
    let last = less.iter().rposition(|&byte| byte > 0).expect("not zero");
    less[last] -= 1;
    less[last + 1..].fill(0xff);
    let less = Target::from_be_bytes(less).expect("not zero");
    assert_eq!(less.top_word(), exact.top_word());
    let job = Job::new(header, less);
    assert_eq!(verify(&job, candidate), None);
    for engine in engines() {
        let mut out = Vec::new();
        scan(engine, &job, nonces(5, 1), usize::MAX, &mut out);
        assert_eq!(out, [candidate], "{}: the filter looks at the top word only", engine.id());
    }
}

/// The roof of an engine needs both numbers.
#[test]
fn instructions_are_counted() {
    for engine in engines() {
        let id = engine.id();
        let benchmark = engine.benchmark().expect("all of ours are measured");
        for &pipe in benchmark.pipes() {
            let mut before = f64::INFINITY;
            for versions in 1..=MAX_GROUP {
                let instructions = benchmark.ops_per_hash(pipe, versions);
                assert!(instructions > 0.0 && instructions.is_finite(), "{id}: {instructions}");
                // What versions share is not done again.
                assert!(
                    instructions <= before,
                    "{id}, {versions} versions: {instructions} > {before}"
                );
                before = instructions;
            }
            let peak_ops = |rounds| benchmark.peak_ops(pipe, rounds).expect("no fault");
            let (few, many) = (peak_ops(1), peak_ops(10));
            assert!(0 < few && few < many, "{id}, {pipe:?}: {few}, {many}");
        }
    }
}

#[test]
fn engines_by_name() {
    for (id, surveyed) in EngineId::CPU.into_iter().zip(engine::survey()) {
        assert_eq!(id.to_string().parse(), Ok(id));
        match (engine::by_id(id), surveyed) {
            (Ok(engine), Ok(_)) => assert_eq!(engine.id(), id),
            (Err(unavailable), Err(surveyed)) => {
                assert_eq!((unavailable.id(), &unavailable), (id, surveyed));
                assert!(!unavailable.missing().is_empty(), "{id} does not say what it needs");
            }
            (by_id, _) => panic!("{id}: by_id gives {by_id:?}, survey {surveyed:?}"),
        }
    }
    assert_eq!(engine::available().len(), engine::survey().iter().flatten().count());

    let unknown = "AVX2".parse::<EngineId>().expect_err("names are lower case").to_string();
    assert!(unknown.contains("\"AVX2\"") && unknown.contains("avx2x2"), "{unknown}");
}

#[test]
fn the_best_engine_is_one_of_them() {
    for versions in [1, MAX_GROUP] {
        let best = engine::best(versions).id();
        assert!(engine::by_id(best).is_ok(), "{best}");
    }
}

#[test]
fn says_what_was_tested() {
    assert!(engine::by_id(EngineId::Scalar).is_ok(), "every machine has general registers");
    for surveyed in engine::survey() {
        match surveyed {
            Ok(engine) => {
                assert_eq!(perjoule::engine::selftest::check(engine.as_ref()), Ok(()));
                say_tested(engine.as_ref());
            }
            Err(unavailable) => eprintln!("not tested: {unavailable}"),
        }
    }
    for gpu in gpus() {
        assert_eq!(perjoule::engine::selftest::check(gpu.as_ref()), Ok(()));
        say_tested(gpu.as_ref());
    }
    if gpus().is_empty()
        && let Err(unavailable) = engine::by_id(EngineId::Gpu(0))
    {
        eprintln!("not tested: {unavailable}");
    }
}

/// In one piece: what the test runner prints meanwhile would land in the middle.
fn say_tested(engine: &dyn Engine) {
    let line = format!("tested: {}\n", engine.id());
    eprint!("{line}");
}

/// An engine that leaves out the last candidate that it finds, and so is wrong.
#[derive(Debug)]
struct Forgetful;

impl Engine for Forgetful {
    fn id(&self) -> EngineId {
        EngineId::Scalar
    }

    fn scan(
        &self,
        job: &Job,
        range: NonceRange,
        limit: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<Scanned, EngineError> {
        let scalar = engine::by_id(EngineId::Scalar).expect("every machine has it");
        let scanned = scalar.scan(job, range, limit, out)?;
        out.pop();
        Ok(scanned)
    }
}

#[test]
fn the_self_test_refuses_an_engine_that_is_wrong() {
    let wrong =
        perjoule::engine::selftest::check(&Forgetful).expect_err("a share is missing").to_string();
    assert!(wrong.contains("engine scalar is wrong on this machine"), "{wrong}");
}

#[test]
fn required_engines_are_available() {
    let Ok(required) = std::env::var("PERJOULE_REQUIRE_ENGINES") else {
        eprintln!("PERJOULE_REQUIRE_ENGINES is not set: no engine is required");
        return;
    };
    for name in required.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let id =
            name.parse().unwrap_or_else(|unknown| panic!("PERJOULE_REQUIRE_ENGINES: {unknown}"));
        assert_available(id, "PERJOULE_REQUIRE_ENGINES");
    }
}

fn assert_available(id: EngineId, why: &str) {
    if gpus().iter().any(|gpu| gpu.id() == id) {
        return;
    }
    if let Err(unavailable) = engine::by_id(id) {
        panic!("{why} asks for {id}: {unavailable}");
    }
}

/// Detection that fails would leave an engine untested in silence: ask the kernel too.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn the_kernel_lists_no_more_than_was_detected() {
    const NEEDS: [(EngineId, &[&str]); 6] = [
        (EngineId::Sse41, &["sse4_1", "ssse3"]),
        (EngineId::Avx2, &["avx2"]),
        (EngineId::Avx2x2, &["avx2"]),
        (EngineId::Avx512, &["avx512f", "avx512bw"]),
        (EngineId::Avx512x3, &["avx512f", "avx512bw"]),
        (EngineId::ShaNi, &["sha_ni", "sse4_1", "ssse3"]),
    ];
    if std::env::var_os("PERJOULE_EMULATED").is_some() {
        eprintln!("PERJOULE_EMULATED is set: /proc/cpuinfo is not that of the emulated processor");
        return;
    }
    let info = match std::fs::read_to_string("/proc/cpuinfo") {
        Ok(info) => info,
        Err(error) => {
            eprintln!("/proc/cpuinfo cannot be read ({error}): detection is not checked");
            return;
        }
    };
    let flags: Vec<_> = info
        .lines()
        .find_map(|line| line.strip_prefix("flags")?.trim_start().strip_prefix(':'))
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    for (id, needs) in NEEDS {
        if needs.iter().all(|need| flags.contains(need)) {
            assert_available(id, "/proc/cpuinfo");
        }
    }
}
