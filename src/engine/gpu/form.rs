//! The ways to write the operations of the search kernel. Compilers make different code of them, and which is fastest
//! differs between makers and generations of GPUs.

use std::fmt;

use crate::gpu::{Adapter, AdapterKind};

/// A way to write the operations of the search kernel: its results are the same in any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelForm {
    /// Which sums are multiplications.
    pub multiplied: Multiplied,
    /// Whether rotations are by values that the compiler does not know: AMD's compiler makes one instruction of such
    /// a rotation, and two of one by a constant.
    pub uniform_rotations: bool,
    /// Whether the function Ch is made of `and`, `not` and `or` rather than of `and` and `xor`.
    pub choose_by_or: bool,
    /// Whether the function Maj is made of `and`, `not` and `or` rather than of `and` and `xor`.
    pub majority_by_or: bool,
}

/// The sums of the search kernel that are multiplications by one: NVIDIA's multipliers also add, and are idle otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Multiplied {
    /// None.
    #[default]
    None,
    /// Five of the seven of a round, and none of the schedule's.
    Rounds,
    /// All of them.
    All,
}

/// Makers of GPUs by their numbers on the PCI bus.
const NVIDIA: u32 = 0x10de;
const AMD: u32 = 0x1002;

const ADDED: KernelForm = KernelForm {
    multiplied: Multiplied::None,
    uniform_rotations: false,
    choose_by_or: false,
    majority_by_or: false,
};
const MULTIPLIED: KernelForm = KernelForm { multiplied: Multiplied::Rounds, ..ADDED };
const ALL_MULTIPLIED: KernelForm = KernelForm { multiplied: Multiplied::All, ..ADDED };
const UNIFORM: KernelForm = KernelForm { uniform_rotations: true, choose_by_or: true, ..ADDED };
/// As many instructions as the one above on RDNA and Vega, with fewer hints between them on RDNA3, and more on Polaris.
const UNIFORM_BY_OR: KernelForm = KernelForm { majority_by_or: true, ..UNIFORM };

/// Forms that are worth a trial on GPUs of a maker, the likeliest first.
const FORMS: [(u32, &[KernelForm]); 2] = [
    // As measured on an H200.
    (NVIDIA, &[MULTIPLIED, ALL_MULTIPLIED, ADDED]),
    // By the counts of AMD's compiler: kernels/CODEGEN.md. The last is for versions of it that make less of the others.
    (AMD, &[UNIFORM, UNIFORM_BY_OR, ADDED]),
];

/// The same for makers of whose compilers nothing is known, and for drivers that compute on the processor.
const UNKNOWN: &[KernelForm] = &[ADDED, UNIFORM];
const SOFTWARE: &[KernelForm] = &[ADDED];

impl KernelForm {
    /// Returns the forms that are worth a trial on a GPU, the likeliest first.
    pub(super) fn likely(adapter: &Adapter) -> &'static [Self] {
        if adapter.kind == AdapterKind::Software {
            return SOFTWARE;
        }
        Self::of_maker(adapter.vendor)
    }

    /// The same by the PCI vendor ID of the maker.
    pub(super) fn of_maker(vendor: u32) -> &'static [Self] {
        FORMS.iter().find(|(maker, _)| *maker == vendor).map_or(UNKNOWN, |(_, forms)| forms)
    }

    /// Returns every form that tuning may choose on some GPU.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let known = FORMS.iter().flat_map(|(_, forms)| forms.iter());
        let mut all: Vec<_> = known.chain(UNKNOWN).chain(SOFTWARE).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the form as the kernel's overrides.
    pub(super) fn overrides(self) -> [(&'static str, f64); 4] {
        let flag = |is_set| f64::from(u8::from(is_set));
        let multiplied = match self.multiplied {
            Multiplied::None => 0.0,
            Multiplied::Rounds => 1.0,
            Multiplied::All => 2.0,
        };
        [
            ("MULTIPLIED", multiplied),
            ("UNIFORM_ROTATIONS", flag(self.uniform_rotations)),
            ("CHOOSE_BY_OR", flag(self.choose_by_or)),
            ("MAJORITY_BY_OR", flag(self.majority_by_or)),
        ]
    }
}

impl fmt::Display for KernelForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = match self.multiplied {
            Multiplied::None => "sums by addition",
            Multiplied::Rounds => "sums of rounds by multiplication",
            Multiplied::All => "all sums by multiplication",
        };
        let rotations = if self.uniform_rotations { ", rotations by a uniform" } else { "" };
        let functions = match (self.choose_by_or, self.majority_by_or) {
            (false, false) => "",
            (true, false) => ", Ch by or",
            (false, true) => ", Maj by or",
            (true, true) => ", Ch and Maj by or",
        };
        write!(f, "{sums}{rotations}{functions}")
    }
}
