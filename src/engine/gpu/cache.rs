//! What tuning found is kept in files, one of text for each GPU, and beside it what its driver compiled.
//!
//! A file that was made with another driver, kernel or version of this crate, or that is damaged, is as good as none, and
//! so is a folder that cannot be written: it costs the time of tuning anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, io, process};

use sha2::{Digest as _, Sha256};

use super::device::KERNEL;
use super::form::Multiplied;
use super::tuning::{self, Effort, GROUPS, NONCES};
use super::{KernelForm, KernelShape, KernelTrial, Tuning};
use crate::gpu::Adapter;

/// The first line of a file, with the version of its form.
const HEAD: &str = "perjoule tuning 1";

/// Largest file that is read.
const MOST_BYTES: u64 = 64 << 20;

/// A folder in which the results of tuning are kept from run to run.
///
/// Drivers are given what they compiled earlier as it lies there, so that nobody else should be able to write into it: a
/// digest shows damage, and no malice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TuningCache {
    folder: Option<PathBuf>,
    is_read: bool,
}

impl TuningCache {
    /// Returns a cache that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None, is_read: true }
    }

    /// Returns the cache in this folder, which need not exist.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), is_read: true }
    }

    /// Returns the cache of this user: the folder `perjoule` in `$XDG_CACHE_HOME`, in `~/.cache`, in
    /// `~/Library/Caches` on macOS, or in `%LOCALAPPDATA%` on Windows. Where there is none of these it keeps nothing.
    #[must_use]
    pub fn of_user() -> Self {
        let path = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let at_home =
            |folder| Some(env::home_dir().filter(|home| home.is_absolute())?.join(folder));
        let caches = if cfg!(windows) {
            path("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            path("XDG_CACHE_HOME").or_else(|| at_home("Library/Caches"))
        } else {
            path("XDG_CACHE_HOME").or_else(|| at_home(".cache"))
        };
        Self { folder: caches.map(|caches| caches.join("perjoule")), is_read: true }
    }

    /// Returns the same cache for tuning anew: what is there is not read, and replaced by what is found.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { is_read: false, ..self }
    }

    /// Returns what tuning found on this GPU with this version of the kernel; `None` if nothing is kept.
    #[must_use]
    pub fn tuning(&self, adapter: &Adapter) -> Option<Tuning> {
        let text = String::from_utf8(self.read(adapter, "tuning")?).ok()?;
        parsed(&text, &identity(adapter))
    }

    /// Returns what the driver of this GPU compiled for an earlier run.
    pub(super) fn pipelines(&self, adapter: &Adapter) -> Option<Vec<u8>> {
        let mut bytes = self.read(adapter, "pipelines")?;
        let digest = bytes.split_off(bytes.len().checked_sub(32)?);
        (digest_of(&identity(adapter), &bytes) == *digest).then_some(bytes)
    }

    /// Keeps what tuning found, if the folder can be written: else it is tuned anew the next time.
    pub(super) fn keep(&self, adapter: &Adapter, tuning: &Tuning) {
        if let Some(path) = self.file(adapter, "tuning") {
            let _ = write(&path, text(tuning, &identity(adapter)).as_bytes());
        }
    }

    /// Keeps what the driver compiled, if the folder can be written: else it is compiled anew the next time.
    pub(super) fn keep_pipelines(&self, adapter: &Adapter, mut bytes: Vec<u8>) {
        if let Some(path) = self.file(adapter, "pipelines") {
            bytes.extend(digest_of(&identity(adapter), &bytes));
            let _ = write(&path, &bytes);
        }
    }

    fn read(&self, adapter: &Adapter, kind: &str) -> Option<Vec<u8>> {
        read(&self.file(adapter, kind).filter(|_| self.is_read)?)
    }

    fn file(&self, adapter: &Adapter, kind: &str) -> Option<PathBuf> {
        let Adapter { name, vendor, device, backend, .. } = adapter;
        let digest = Sha256::digest(format!("{name}\n{vendor:x}:{device:x}\n{backend}"));
        Some(self.folder.as_ref()?.join(format!("gpu-{}.{kind}", &hex(&digest)[..16])))
    }
}

/// What a result of tuning is of: lines of a file. How it was found counts too, since another way may find another.
fn identity(adapter: &Adapter) -> String {
    let line = |text: &str| text.replace(['\n', '\r'], " ");
    let tried = tuning::candidates(KernelForm::likely(adapter));
    let way = format!("{KERNEL}\n{tried:?}\n{:?}", Effort::on(adapter.kind));
    format!(
        "gpu {:x}:{:x} {}\ndriver {} {}\nperjoule {} {}\n",
        adapter.vendor,
        adapter.device,
        line(&adapter.name),
        adapter.backend,
        line(&adapter.driver),
        env!("CARGO_PKG_VERSION"),
        hex(&Sha256::digest(way))
    )
}

fn digest_of(identity: &str, bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(identity).chain_update(bytes).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a file, unless it is too large to be one of these, or none at all.
fn read(path: &Path) -> Option<Vec<u8>> {
    let is_fit = fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= MOST_BYTES);
    if is_fit { fs::read(path).ok() } else { None }
}

/// Writes a file as a whole or not at all, also where other threads and processes write the same one.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    create_private(path.parent().unwrap_or(Path::new(".")))?;
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}-{}.new", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Creates a folder, where there is none, that nobody else can write into.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn text(tuning: &Tuning, identity: &str) -> String {
    let mut text = format!("{HEAD}\n{identity}took {}\n", tuning.took.as_nanos());
    let mut line = |name: &str, trial: &KernelTrial| {
        let KernelTrial { shape: KernelShape { rolling, form, group, nonces }, rate, compiled_in } =
            *trial;
        let multiplied = match form.multiplied {
            Multiplied::None => "none",
            Multiplied::Rounds => "rounds",
            Multiplied::All => "all",
        };
        let KernelForm { uniform_rotations, choose_by_or, majority_by_or, .. } = form;
        let _ = writeln!(
            text,
            "{name} {rolling} {multiplied} {uniform_rotations} {choose_by_or} {majority_by_or} {group} {nonces} {rate} {}",
            compiled_in.as_nanos()
        );
    };
    tuning.trials.iter().for_each(|trial| line("trial", trial));
    line("plain", &tuning.plain);
    line("rolling", &tuning.rolling);
    let digest = hex(&Sha256::digest(&text));
    let _ = writeln!(text, "sha256 {digest}");
    text
}

/// Reads what [`text`] wrote; `None` unless it is all there and of this `identity`.
fn parsed(text: &str, identity: &str) -> Option<Tuning> {
    let (body, digest) = text.strip_suffix('\n')?.rsplit_once("sha256 ")?;
    if digest != hex(&Sha256::digest(body)) {
        return None;
    }
    let mut lines = body.strip_prefix(HEAD)?.strip_prefix('\n')?.strip_prefix(identity)?.lines();
    let nanos = |text: &str| text.parse().ok().map(Duration::from_nanos);
    let took = nanos(lines.next()?.strip_prefix("took ")?)?;
    let mut trials = lines.map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let [
            name,
            rolling,
            multiplied,
            uniform_rotations,
            choose_by_or,
            majority_by_or,
            group,
            nonces,
            rate,
            compiled,
        ] = words[..]
        else {
            return None;
        };
        let multiplied = match multiplied {
            "none" => Multiplied::None,
            "rounds" => Multiplied::Rounds,
            "all" => Multiplied::All,
            _ => return None,
        };
        let form = KernelForm {
            multiplied,
            uniform_rotations: uniform_rotations.parse().ok()?,
            choose_by_or: choose_by_or.parse().ok()?,
            majority_by_or: majority_by_or.parse().ok()?,
        };
        let (group, nonces) = (group.parse().ok()?, nonces.parse().ok()?);
        let rate: f64 = rate.parse().ok()?;
        let shape = KernelShape { rolling: rolling.parse().ok()?, form, group, nonces };
        let is_fit =
            GROUPS.contains(&group) && NONCES.contains(&nonces) && rate.is_finite() && rate > 0.0;
        is_fit.then_some((name, KernelTrial { shape, rate, compiled_in: nanos(compiled)? }))
    });
    let mut tried = Vec::new();
    let plain = loop {
        match trials.next()?? {
            ("trial", trial) => tried.push(trial),
            ("plain", trial) => break trial,
            _ => return None,
        }
    };
    let ("rolling", rolling) = trials.next()?? else { return None };
    let is_all = trials.next().is_none() && !plain.shape.rolling;
    is_all.then_some(Tuning { trials: tried, plain, rolling, took, is_kept: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "gpu a card\ndriver vulkan 1\nkernel 00\n";

    fn trial(rolling: bool, form: KernelForm, rate: f64) -> KernelTrial {
        let shape = KernelShape { rolling, form, group: GROUPS[1], nonces: NONCES[1] };
        KernelTrial { shape, rate, compiled_in: Duration::from_nanos(612_345) }
    }

    fn tuning() -> Tuning {
        let trials: Vec<_> = KernelForm::all()
            .into_iter()
            .flat_map(|form| [trial(false, form, 7.0e9 / 3.0), trial(true, form, 9.25e9)])
            .collect();
        let (plain, rolling) = (trials[0], trials[3]);
        Tuning { trials, plain, rolling, took: Duration::from_nanos(3_456_789), is_kept: true }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tuning = tuning();
        assert_eq!(parsed(&text(&tuning, IDENTITY), IDENTITY), Some(tuning));
    }

    #[test]
    fn a_file_of_anything_else_is_none() {
        let whole = text(&tuning(), IDENTITY);
        for identity in
            ["gpu a card\ndriver vulkan 2\nkernel 00\n", "gpu b\ndriver vulkan 1\nkernel 00\n", ""]
        {
            assert_eq!(parsed(&whole, identity), None, "{identity}");
        }
        for end in 0..whole.len() {
            assert_eq!(parsed(&whole[..end], IDENTITY), None, "{end} bytes of {}", whole.len());
        }
        for place in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] ^= 1;
            let text = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(parsed(&text, IDENTITY), None, "byte {place}");
        }
    }

    /// The digest is that of what stands there: what it cannot show is a file that was written so.
    #[test]
    fn numbers_that_no_tuning_finds_are_refused() {
        let with = |change: fn(&mut Tuning)| {
            let mut tuning = tuning();
            change(&mut tuning);
            parsed(&text(&tuning, IDENTITY), IDENTITY)
        };
        assert!(with(|_| ()).is_some());
        let changes: [fn(&mut Tuning); 6] = [
            |it| it.plain.shape.group = 1 << 20,
            |it| it.rolling.shape.nonces = 0,
            |it| it.plain.shape.rolling = true,
            |it| it.plain.rate = f64::INFINITY,
            |it| it.rolling.rate = f64::NAN,
            |it| it.trials[0].rate = -1.0,
        ];
        for change in changes {
            assert_eq!(with(change), None);
        }
    }
}
