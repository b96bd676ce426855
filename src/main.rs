//! The `perjoule` command: its arguments become a request, the request runs and gives an exit
//! code; what goes wrong on the way is one line on stderr and an exit code too.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_mesa();
    quiet_gpu_threads();
    cli::parse(std::env::args_os()).and_then(cli::Request::run).unwrap_or_else(cli::Error::report)
}

/// That wgpu panics when a driver loses the device is expected: the thread is there for it, and what
/// became of the device is reported in a line.
fn quiet_gpu_threads() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !std::thread::current().name().is_some_and(|name| name.starts_with("gpu ")) {
            hook(panic);
        }
    }));
}

/// A layer of Mesa's looks for a display to sort GPUs by, and writes errors to stderr where a
/// service or root has none. There is no other way to prevent that.
fn quiet_mesa() {
    const SESSION: &str = "XDG_RUNTIME_DIR";
    if cfg!(all(feature = "gpu", target_os = "linux")) && std::env::var_os(SESSION).is_none() {
        // SAFETY: no other thread has been started that could read the environment.
        unsafe { std::env::set_var(SESSION, "/nonexistent") };
    }
}
