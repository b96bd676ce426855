//! Asks the compilers of GPUs' makers what they make of the kernels, without a card.
//!
//!     codegen table KERNELS TABLE [--write]   compares with the table, or writes it
//!     codegen here KERNELS                    tells what this machine's own driver makes of them
//!     codegen cuda KERNELS FOLDER             writes the search in CUDA's C++
//!
//! `.ci/codegen/run` finds the compilers for `table`.

mod code;
mod compilers;
mod hand;
mod kernel;
mod listing;
mod nvidia;
mod pipes;
mod subjects;
mod table;
mod vulkan;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use self::table::Line;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done =
        match args[..] {
            ["table", kernels, table] => compare(Path::new(kernels), Path::new(table)),
            ["table", kernels, table, "--write"] => write(Path::new(kernels), Path::new(table)),
            // One compiler, in a process of its own: its driver reads where it is from the environment, and may crash.
            ["ask", place, kernels] => ask(place, Path::new(kernels)),
            ["here", kernels] => compilers::here(Path::new(kernels)),
            ["cuda", kernels, folder] => compilers::render(Path::new(kernels), Path::new(folder)),
            _ => Err("codegen table KERNELS TABLE [--write] | here KERNELS | cuda KERNELS FOLDER"
                .to_owned()),
        };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("codegen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(place: &str, kernels: &Path) -> Result<(), String> {
    let place: usize = place.parse().map_err(|_| "not the place of a compiler")?;
    let compilers = compilers::all()?;
    let compiler = compilers.get(place).ok_or("there are not as many compilers")?;
    compiler.ask(kernels, |line| println!("{}", line.to_text()))
}

/// Asks all compilers, each in a process, as many at a time as there are cores.
fn found(kernels: &Path) -> Result<Vec<Line>, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let names: Vec<_> = compilers::all()?.iter().map(|it| it.name).collect();
    let asked = |place: usize| {
        let mut command = Command::new(&program);
        command
            .arg("ask")
            .arg(place.to_string())
            .arg(kernels)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{} could not be asked: {}", names[place], output.status));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .map(|line| {
                Line::from_text(line).ok_or_else(|| format!("no line of the table: {line}"))
            })
            .collect()
    };
    let mut lines: Vec<Line> = std::thread::scope(|scope| {
        let asked = &asked;
        let threads: Vec<_> =
            (0..names.len()).map(|place| scope.spawn(move || asked(place))).collect();
        let answers = threads
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())));
        answers.collect::<Result<Vec<Vec<Line>>, String>>().map(|all| all.concat())
    })?;
    // By section in the compilers' order, the search first; then by kernel, its cards together.
    let order: Vec<_> = lines.iter().map(|line| line.kernel.clone()).collect();
    let place = |kernel: &str| order.iter().position(|it| it == kernel);
    let of = |line: &Line| names.iter().position(|name| line.section.ends_with(name));
    lines.sort_by_key(|line| (line.section.starts_with("Other"), of(line), place(&line.kernel)));
    Ok(lines)
}

fn write(kernels: &Path, table: &Path) -> Result<(), String> {
    let page = table::page(&found(kernels)?, &compilers::all()?, &machine());
    fs::write(table, page).map_err(|error| format!("{}: {error}", table.display()))
}

fn compare(kernels: &Path, table: &Path) -> Result<(), String> {
    let page =
        fs::read_to_string(table).map_err(|error| format!("{}: {error}", table.display()))?;
    let expected = table::lines(&page);
    for compiler in compilers::all()? {
        println!("{}: {}", compiler.name, compiler.version);
        if !page.contains(&compiler.version) {
            println!("  the table is of another version; if that is why something rose, renew it");
        }
    }
    let found = found(kernels)?;
    println!("{} lines, {} in the table", found.len(), expected.len());
    let faults = table::faults(&expected, &found);
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nif that has to be, renew the table: .ci/codegen/run --write",
        faults.join("\n")
    ))
}

/// The processor that compiled, for the times.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".to_owned(), |(_, model)| model.to_owned())
}
