//! NVIDIA's compiler, NVRTC, on a rendering of the kernel in C++: its Metal form, for which `metal.h` has the words that
//! CUDA lacks. The driver's compiler for Vulkan has another front end before the same back end, so what is counted here
//! is a close estimate of what a card runs.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null;
use std::time::Instant;

use libloading::{Library, Symbol};
use regex_lite::{Captures, Match, Regex};

use crate::kernel::Kernel;
use crate::listing::{Compiled, listing};

/// The compiler's library, and the program that disassembles what it makes.
pub struct Nvrtc {
    library: Library,
    disassembler: PathBuf,
}

type Program = *mut c_void;

impl Nvrtc {
    pub fn open(library: &Path, disassembler: &Path) -> Result<Self, String> {
        // SAFETY: loading it runs nothing but what NVIDIA's libraries run.
        let library = unsafe { Library::new(library) }.map_err(|error| error.to_string())?;
        Ok(Self { library, disassembler: disassembler.to_owned() })
    }

    /// Compiles a kernel for an architecture such as `sm_90`.
    pub fn compile(
        &self,
        kernel: &Kernel,
        entry: &str,
        architecture: &str,
    ) -> Result<Compiled, String> {
        let source = cuda(&kernel.metal()?, entry, kernel.threads())?;
        let start = Instant::now();
        let binary = self.binary(&source, architecture)?;
        let took = start.elapsed();
        let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        std::fs::write(file.path(), &binary).map_err(|error| error.to_string())?;
        let output = Command::new(&self.disassembler)
            .arg(file.path())
            .output()
            .map_err(|error| format!("{}: {error}", self.disassembler.display()))?;
        if !output.status.success() {
            return Err(format!("nvdisasm: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let code = listing(&text, LABEL, INSTRUCTION, JUMP);
        let is_spill = |name: &str| name.starts_with("STL") || name.starts_with("LDL");
        let spills = code.iter().filter(|it| is_spill(&it.name)).count() as u64;
        let registers = registers(&text).ok_or("nvdisasm does not tell the registers")?;
        let bytes = code.len() as u64 * if architecture == "sm_61" { 8 } else { 16 };
        let waves = warps(architecture, registers) / 4;
        let instructions = code.len() as u64;
        Ok(Compiled { code, instructions, registers, spills, waves, bytes, took })
    }

    fn binary(&self, source: &str, architecture: &str) -> Result<Vec<u8>, String> {
        type Create = unsafe extern "C" fn(
            *mut Program,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
        type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
        type Get = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
        type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;
        let source = CString::new(source).map_err(|error| error.to_string())?;
        let options = [
            format!("--gpu-architecture={architecture}"),
            "--std=c++17".to_owned(),
            "--device-as-default-execution-space".to_owned(),
        ];
        let options: Vec<_> = options.map(|it| CString::new(it).expect("it has no zeros")).into();
        let pointers: Vec<_> = options.iter().map(|it| it.as_ptr()).collect();
        // SAFETY: the types are those of nvrtc.h. The program is made first and destroyed last, the strings outlive the
        // calls, and the buffers are as long as the library says.
        unsafe {
            let create: Symbol<'_, Create> = self.symbol(c"nvrtcCreateProgram")?;
            let compile: Symbol<'_, Compile> = self.symbol(c"nvrtcCompileProgram")?;
            let log_size: Symbol<'_, Size> = self.symbol(c"nvrtcGetProgramLogSize")?;
            let log: Symbol<'_, Get> = self.symbol(c"nvrtcGetProgramLog")?;
            let size: Symbol<'_, Size> = self.symbol(c"nvrtcGetCUBINSize")?;
            let get: Symbol<'_, Get> = self.symbol(c"nvrtcGetCUBIN")?;
            let destroy: Symbol<'_, Destroy> = self.symbol(c"nvrtcDestroyProgram")?;
            let mut program: Program = std::ptr::null_mut();
            let made =
                create(&mut program, source.as_ptr(), c"kernel.cu".as_ptr(), 0, null(), null());
            if made != 0 {
                return Err(format!("NVRTC takes no program: error {made}"));
            }
            let failed = compile(program, pointers.len() as c_int, pointers.as_ptr());
            let (size, get) = if failed == 0 { (size, get) } else { (log_size, log) };
            let mut len = 0;
            size(program, &mut len);
            let mut bytes = vec![0_u8; len];
            get(program, bytes.as_mut_ptr().cast());
            destroy(&mut program);
            match failed {
                0 => Ok(bytes),
                _ => Err(String::from_utf8_lossy(&bytes).into_owned()),
            }
        }
    }

    /// # Safety
    ///
    /// The library's function of this name has to be of type `T`.
    unsafe fn symbol<T>(&self, name: &CStr) -> Result<Symbol<'_, T>, String> {
        // SAFETY: the type is the caller's promise.
        unsafe { self.library.get(name.to_bytes_with_nul()) }.map_err(|error| error.to_string())
    }
}

/// How nvdisasm writes labels, instructions and where they jump to.
const LABEL: &str = r"^\s*(\.L_x?_?\d+):";
const INSTRUCTION: &str =
    r"^\s+/\*[0-9a-f]+\*/\s+(?:\{\s*)?(?:@!?U?P\d+\s+)?([A-Z][A-Z0-9_.]*)([^;}]*)[;}]";
const JUMP: &str = r"^BRA.*\((\.L_x?_?\d+)\)";

/// A parameter of the entry point that naga writes for Metal.
enum Parameter {
    /// What the hardware tells a thread.
    Builtin(&'static str),
    Uniform,
    Storage,
    Shared,
}

/// Makes C++ for CUDA of what naga writes for Metal: functions are inlined, constants known, uniform buffers in constant
/// memory, and shared arrays declared where threads start.
pub fn cuda(metal: &str, entry: &str, threads: u32) -> Result<String, String> {
    let replace =
        |text: &str, pattern: &str, with: &str| regex(pattern).replace_all(text, with).into_owned();
    let text = replace(metal, r"(?m)^#include.*$|^using metal::uint;$", "");
    let text = replace(&text, r"(?m)^constant ", "static constexpr __device__ ");
    let text = with_dot_products(&text);
    // In C++ a number with a point is of twice the bits.
    let text = replace(&text, r"(\d\.\d+(?:e[+-]?\d+)?)\b", "${1}f");
    // An array whose length the buffer tells.
    let text = replace(&text, r"(?m)^(typedef .*)\[1\];$", "$1[1 << 24];");
    let text = replace(&text, r"(?m)^([a-zA-Z]\w*(?:::\w+)?) (\w+)\($", "__forceinline__ $1 $2(");
    let unexpected = || format!("naga writes its entry points in another way:\n{metal}");
    let (before, kernel) =
        text.split_once("[[max_total_threads_per_threadgroup").ok_or_else(unexpected)?;
    let (head, body) = kernel.split_once(") {\n").ok_or_else(unexpected)?;
    let (_, parameters) = head.split_once("(\n").ok_or_else(unexpected)?;

    let shape = regex(r"^\s*,?\s*(.*?)(const)?(&?) (\w+)(?: \[\[(.*)\]\])?$");
    let (mut memory, mut start) = (String::new(), String::new());
    let (mut taken, mut given, mut passed) = (Vec::new(), Vec::new(), Vec::new());
    for line in parameters.lines().filter(|line| !line.trim().is_empty()) {
        let found =
            shape.captures(line).ok_or_else(|| format!("a parameter of another kind: {line}"))?;
        let part = |at| found.get(at).map_or("", |it: Match<'_>| it.as_str());
        let (kind, constant, reference, name) = (part(1).trim(), part(2), part(3), part(4));
        let (space, plain) = kind.split_once(' ').unwrap_or(("", kind));
        let parameter = match (space, part(5)) {
            (_, "thread_position_in_grid") => Parameter::Builtin(
                "metal::uint3(blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y, 0u)",
            ),
            (_, "threadgroup_position_in_grid") => {
                Parameter::Builtin("metal::uint3(blockIdx.x, blockIdx.y, 0u)")
            }
            (_, "threadgroups_per_grid") => {
                Parameter::Builtin("metal::uint3(gridDim.x, gridDim.y, 1u)")
            }
            (_, "thread_index_in_threadgroup") => Parameter::Builtin("threadIdx.x"),
            ("constant", _) => Parameter::Uniform,
            ("device", _) => Parameter::Storage,
            ("threadgroup", _) => Parameter::Shared,
            _ => return Err(format!("a parameter of another kind: {line}")),
        };
        match parameter {
            Parameter::Builtin(value) => {
                taken.push(format!("{kind} {name}"));
                given.push(value.to_owned());
                continue;
            }
            Parameter::Uniform => {
                let _ = writeln!(memory, "__constant__ {plain} {name}_;");
                given.push(format!("{name}_"));
                taken.push(format!("const {plain}& {name}"));
                continue;
            }
            Parameter::Storage => {
                passed.push(format!("{plain} {constant}* __restrict__ {name}"));
                given.push(format!("*{name}"));
            }
            Parameter::Shared => {
                let _ = writeln!(start, "    __shared__ {plain} {name};");
                given.push(name.to_owned());
            }
        }
        taken.push(format!("{plain} {constant}{reference} {name}"));
    }
    let words = regex(r"\b(constant|device|threadgroup|thread) ");
    let without_spaces = |text: &str| {
        let word = |found: &Captures<'_>| if &found[1] == "constant" { "const " } else { "" };
        words.replace_all(text, word).into_owned()
    };
    let (before, body) = (without_spaces(before), without_spaces(body));
    let prelude = include_str!("metal.h");
    let (taken, given, passed) = (taken.join(", "), given.join(", "), passed.join(", "));
    Ok(format!(
        "{prelude}{before}{memory}\n__forceinline__ void body({taken}) {{\n{body}\n\
         extern \"C\" __global__ void __launch_bounds__({threads}) {entry}_({passed}) {{\n{start}    body({given});\n}}\n"
    ))
}

/// Makes one call of a sum of four products of bytes, for which there is an instruction.
fn with_dot_products(text: &str) -> String {
    let declared = regex(r"(?m)^\s*packed_char4 (\w+) = as_type<packed_char4>\((\w+)\);\n");
    let words: HashMap<_, _> = declared
        .captures_iter(text)
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    let text = declared.replace_all(text, "");
    let dot = regex(r"\( \+ (\w+)\[0\] \* (\w+)\[0\](?: \+ \w+\[\d\] \* \w+\[\d\]){3}\)");
    let call = |found: &Captures<'_>| {
        let word = |at| words.get(&found[at]).map_or("", String::as_str);
        format!("dot{{int({}), int({})}}", word(1), word(2))
    };
    dot.replace_all(&text, call).into_owned()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a constant")
}

/// Returns how many warps a multiprocessor holds of a kernel with so many registers a thread.
fn warps(architecture: &str, registers: u64) -> u64 {
    let most = match architecture {
        "sm_75" => 32,
        "sm_86" | "sm_89" | "sm_120" => 48,
        _ => 64,
    };
    // A warp's registers come in pieces of 256, out of 65,536.
    most.min(65_536 / (registers.max(1) * 32).next_multiple_of(256))
}

/// Reads how many registers a thread has from the notes beside the code, which differ by generation.
fn registers(listing: &str) -> Option<u64> {
    let in_header = regex(r"SHI_REGISTERS=(\d+)").captures(listing);
    let noted = || {
        regex(r"(?s)EIATTR_REGCOUNT.*?index@[^\n]*\n[^\n]*\.word\s+(0x[0-9a-f]+)").captures(listing)
    };
    let found = in_header.or_else(noted)?;
    match found[1].strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => found[1].parse().ok(),
    }
}
