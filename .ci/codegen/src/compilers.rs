//! The compilers that are asked, where they are, and for which cards.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::hand;
use crate::kernel::Kernel;
use crate::listing::Compiled;
use crate::nvidia::Nvrtc;
use crate::subjects::{Maker, Needs, Subject, others, searches};
use crate::table::Line;
use crate::vulkan::Device;

/// A compiler, and the cards that it is asked about.
pub struct Compiler {
    /// Its name in the table.
    pub name: &'static str,
    pub maker: Maker,
    /// Its exact version.
    pub version: String,
    pub cards: &'static [&'static str],
    place: Place,
}

enum Place {
    /// The description of a Vulkan driver.
    Vulkan(PathBuf),
    /// A library, and the program that disassembles what it makes.
    Nvrtc(PathBuf, PathBuf),
}

/// Names of the variables that say where the parts are; `.ci/compilers` sets them.
const MESA_22: &str = "CODEGEN_MESA_22";
const MESA_25: &str = "CODEGEN_MESA_25";
const NVRTC_11: &str = "CODEGEN_NVRTC_11";
const NVRTC_13: &str = "CODEGEN_NVRTC_13";
const NVDISASM_11: &str = "CODEGEN_NVDISASM_11";
const NVDISASM_13: &str = "CODEGEN_NVDISASM_13";

/// Returns all compilers of the table.
pub fn all() -> Result<Vec<Compiler>, String> {
    let path = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| format!("{name} is not set: see .ci/codegen/compilers"))
    };
    let version =
        |name: &str| env::var(format!("{name}_VERSION")).unwrap_or_else(|_| "unknown".to_owned());
    Ok(vec![
        Compiler {
            name: "AMD's ACO in Mesa 25.0",
            maker: Maker::Amd,
            version: version(MESA_25),
            cards: &["polaris10", "vega10", "vega20", "navi10", "navi21", "navi31", "gfx1201"],
            place: Place::Vulkan(path(MESA_25)?),
        },
        Compiler {
            name: "NVIDIA's NVRTC 13",
            maker: Maker::Nvidia,
            version: version(NVRTC_13),
            cards: &["sm_75", "sm_86", "sm_89", "sm_90", "sm_120"],
            place: Place::Nvrtc(path(NVRTC_13)?, path(NVDISASM_13)?),
        },
        Compiler {
            name: "NVIDIA's NVRTC 11.8",
            maker: Maker::Nvidia,
            version: version(NVRTC_11),
            cards: &["sm_61"],
            place: Place::Nvrtc(path(NVRTC_11)?, path(NVDISASM_11)?),
        },
        Compiler {
            name: "AMD's ACO in Mesa 22.3",
            maker: Maker::Amd,
            version: version(MESA_22),
            cards: &["polaris10", "vega10", "vega20", "navi10", "navi21", "gfx1100"],
            place: Place::Vulkan(path(MESA_22)?),
        },
    ])
}

impl Compiler {
    /// Compiles everything for all cards, and calls `found` with each line.
    pub fn ask(&self, kernels: &Path, mut found: impl FnMut(Line)) -> Result<(), String> {
        for &card in self.cards {
            let asked = Asked::open(self, card)?;
            let (kernel, subject) = hand::kernel()?;
            let compiled = asked.compile(&kernel, &subject, card)?;
            hand::check(self.maker, &compiled).map_err(|error| format!("{card}: {error}"))?;
            for subject in searches().iter().chain(&others()) {
                if subject.maker.is_none_or(|it| it == self.maker) {
                    found(asked.line(self, card, kernels, subject)?);
                }
            }
        }
        Ok(())
    }
}

/// A compiler that is opened for a card.
enum Asked {
    Vulkan(Box<Device>),
    Nvrtc(Nvrtc),
}

impl Asked {
    fn open(compiler: &Compiler, card: &str) -> Result<Self, String> {
        match &compiler.place {
            Place::Vulkan(icd) => Ok(Self::Vulkan(Device::open(icd, card)?.into())),
            Place::Nvrtc(library, disassembler) => {
                Nvrtc::open(library, disassembler).map(Self::Nvrtc)
            }
        }
    }

    fn compile(&self, kernel: &Kernel, subject: &Subject, card: &str) -> Result<Compiled, String> {
        let compiled = match self {
            Self::Vulkan(device) => device.compile(kernel, subject.entry),
            Self::Nvrtc(nvrtc) => nvrtc.compile(kernel, subject.entry, card),
        };
        compiled.map_err(|error| format!("{}, {card}: {error}", subject.name))
    }

    fn line(
        &self,
        compiler: &Compiler,
        card: &str,
        kernels: &Path,
        subject: &Subject,
    ) -> Result<Line, String> {
        let has = match self {
            Self::Vulkan(device) => device.has(subject.needs),
            // The rendering in C++ has no such types.
            Self::Nvrtc(_) => subject.needs == Needs::Nothing,
        };
        if !has {
            return Ok(Line::without(compiler, subject, card));
        }
        let compiled = self.compile(&Kernel::read(kernels, subject)?, subject, card)?;
        Ok(Line::new(compiler, subject, card, &compiled))
    }
}

/// Compiles everything by this machine's own driver, and prints what it tells.
pub fn here(kernels: &Path) -> Result<(), String> {
    let device = Device::open_first()?;
    println!("{}", device.name());
    for subject in searches().iter().chain(&others()).filter(|it| device.has(it.needs)) {
        let compiled = Kernel::read(kernels, subject)
            .and_then(|kernel| device.statistics(&kernel, subject.entry));
        match compiled {
            Ok((took, statistics)) => {
                println!(
                    "{}: compiled in {} ms; {}",
                    subject.name,
                    took.as_millis(),
                    statistics.join(", ")
                );
            }
            Err(error) => println!("{}: {error}", subject.name),
        }
    }
    Ok(())
}

/// Writes every form of the search in CUDA's C++.
pub fn render(kernels: &Path, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for subject in searches().iter().filter(|it| it.maker != Some(Maker::Amd)) {
        let kernel = Kernel::read(kernels, subject)?;
        let text = crate::nvidia::cuda(&kernel.metal()?, subject.entry, kernel.threads())?;
        let name = subject.name.replace(", ", "-").replace(' ', "-");
        let path = folder.join(format!("search-{name}.cu"));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
