//! What instructions are for, and how many of them a card does in a clock.

use crate::code::Instruction;
use crate::subjects::Maker;

/// How often each kind of instruction runs, for one hash, one round of a loop, or a whole kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Rotations and shifts.
    pub rotations: f64,
    pub logic: f64,
    pub sums: f64,
    /// Multiplications, and sums by multiplication.
    pub products: f64,
    /// Other vector instructions.
    pub others: f64,
    pub memory: f64,
    /// Those of a wave or warp as a whole, control among them.
    pub scalar: f64,
    /// Operations of floating point, or of 8-bit integers, that `products` and `others` do in each thread.
    pub operations: f64,
    /// Whether some of them are done for several threads together, whose operations are not counted.
    pub has_blocks: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rotation,
    Logic,
    Sum,
    Product,
    Other,
    Memory,
    Scalar,
}

pub fn count(maker: Maker, code: &[Instruction], weights: &[f64]) -> Counts {
    let mut counts = Counts::default();
    for (instruction, weight) in code.iter().zip(weights) {
        let (kind, operations) = match maker {
            Maker::Amd => amd(instruction),
            Maker::Nvidia => nvidia(&instruction.name),
        };
        let of_kind = match kind {
            Kind::Rotation => &mut counts.rotations,
            Kind::Logic => &mut counts.logic,
            Kind::Sum => &mut counts.sums,
            Kind::Product => &mut counts.products,
            Kind::Other => &mut counts.others,
            Kind::Memory => &mut counts.memory,
            Kind::Scalar => &mut counts.scalar,
        };
        *of_kind += weight;
        counts.operations += weight * operations;
        counts.has_blocks |=
            ["wmma", "HMMA", "IMMA"].iter().any(|it| instruction.name.contains(it));
    }
    counts
}

/// The kind of an instruction of AMD's, and what operations of floating point or 8-bit integers a thread does by it.
fn amd(instruction: &Instruction) -> (Kind, f64) {
    let name = instruction.name.as_str();
    let starts = |names: &[&str]| names.iter().any(|it| name.starts_with(it));
    if starts(&["buffer_", "global_", "flat_", "ds_", "scratch_", "s_load", "s_buffer"]) {
        return (Kind::Memory, 0.0);
    }
    if !name.starts_with("v_") {
        return (Kind::Scalar, 0.0);
    }
    let operations = if name.starts_with("v_dot4") || name.starts_with("v_dot8") {
        8.0
    } else if starts(&["v_pk_fma", "v_dot2"]) {
        4.0
    } else if starts(&["v_fma", "v_mac_f", "v_mad_f", "v_mad_mix", "v_pk_mul_f", "v_pk_add_f"]) {
        2.0
    } else if starts(&["v_mul_f", "v_add_f"]) {
        1.0
    } else if name.starts_with("v_dual_") {
        // Two of a kind each, for which there is a second pipe.
        let each = |name: &str| instruction.text.matches(name).count() as f64;
        2.0 * each("v_dual_fmac_f32")
            + 2.0 * each("v_dual_fmaak")
            + each("v_dual_mul_f32")
            + each("v_dual_add_f32")
    } else {
        0.0
    };
    let kind = if starts(&["v_alignb", "v_lshrrev", "v_lshlrev", "v_ashrrev", "v_perm_b32"]) {
        Kind::Rotation
    } else if starts(&["v_xor", "v_xnor", "v_and", "v_or", "v_not", "v_bfi", "v_bfe", "v_lshl_or"])
    {
        Kind::Logic
    } else if starts(&[
        "v_add_u",
        "v_add_nc",
        "v_add_co",
        "v_add3",
        "v_sub",
        "v_xad",
        "v_lshl_add",
        "v_add_lshl",
        "v_add_i",
    ]) {
        Kind::Sum
    } else if operations > 0.0 || starts(&["v_mul", "v_mad", "v_wmma"]) {
        Kind::Product
    } else {
        Kind::Other
    };
    (kind, operations)
}

/// The same of NVIDIA's.
fn nvidia(name: &str) -> (Kind, f64) {
    let head = name.split('.').next().unwrap_or(name);
    match head {
        "SHF" | "SHL" | "SHR" | "PRMT" => (Kind::Rotation, 0.0),
        "LOP3" | "LOP" | "LOP32I" | "BFE" | "BFI" => (Kind::Logic, 0.0),
        "IADD3" | "IADD" | "IADD32I" | "VIADD" | "LEA" | "ISCADD" => (Kind::Sum, 0.0),
        "IMAD" | "XMAD" | "IMUL" => (Kind::Product, 0.0),
        "FFMA" => (Kind::Product, 2.0),
        // Two FFMA in one.
        "FFMA2" => (Kind::Product, 4.0),
        "FMUL" | "FADD" => (Kind::Product, 1.0),
        "HFMA2" => (Kind::Product, 4.0),
        "HMUL2" | "HADD2" => (Kind::Product, 2.0),
        "IDP" | "IDP4A" => (Kind::Product, 8.0),
        _ if head.starts_with("ULDC")
            || ["LDG", "STG", "LDS", "STS", "LDL", "STL", "LDC", "LD", "ST", "ATOM", "RED"]
                .iter()
                .any(|it| head.starts_with(it)) =>
        {
            (Kind::Memory, 0.0)
        }
        "BRA" | "EXIT" | "NOP" | "BAR" | "BSSY" | "BSYNC" | "SYNC" | "SSY" | "WARPSYNC"
        | "DEPBAR" | "CCTL" | "MEMBAR" => (Kind::Scalar, 0.0),
        _ if head.starts_with('U') || head.ends_with("2UR") => (Kind::Scalar, 0.0),
        _ => (Kind::Other, 0.0),
    }
}

impl Counts {
    /// All that a lane does: instructions of a wave's vectors.
    pub fn vector(&self) -> f64 {
        self.rotations + self.logic + self.sums + self.products + self.others
    }

    pub fn all(&self) -> f64 {
        self.vector() + self.memory + self.scalar
    }

    /// Returns the clocks that a compute unit, or a multiprocessor, is busy with these instructions of one thread.
    ///
    /// AMD's compute units do 64 vector instructions of threads in a clock, and a quarter of that if these are products
    /// of integers. NVIDIA's multiprocessors issue 128, of which 64 may be of the pipe of rotations, logic and sums, and
    /// 64 products of integers; those of Pascal take 128 but for rotations.
    pub fn clocks(&self, maker: Maker, card: &str) -> f64 {
        let is_float = self.operations > 0.0;
        match maker {
            Maker::Amd => {
                let slow = if is_float { 1.0 } else { 4.0 };
                (self.vector() - self.products + slow * self.products) / 64.0
            }
            Maker::Nvidia => {
                let issued = self.all() / 128.0;
                let products = if is_float && card != "sm_75" {
                    self.products / 128.0
                } else {
                    self.products / 64.0
                };
                let logic = match card {
                    "sm_61" => self.rotations / 64.0,
                    _ => (self.rotations + self.logic + self.sums) / 64.0,
                };
                issued.max(logic).max(products)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(maker: Maker, lines: &[&str]) -> Counts {
        let of_line = |line: &&str| Instruction {
            name: line.split(' ').next().unwrap_or_default().to_owned(),
            text: (*line).to_owned(),
            jump: None,
        };
        let code: Vec<_> = lines.iter().map(of_line).collect();
        count(maker, &code, &vec![1.0; code.len()])
    }

    #[test]
    fn kinds_of_instructions_are_told_apart() {
        let amd = code(
            Maker::Amd,
            &[
                "v_alignbit_b32 v1, v2, v2, s3",
                "v_lshrrev_b32_e32 v1, 3, v2",
                "v_xor3_b32 v1, v2, v3, v4",
                "v_bfi_b32 v1, v2, v3, v4",
                "v_add3_u32 v1, v2, v3, v4",
                "v_xad_u32 v1, v2, v3, v4",
                "v_mul_lo_u32 v1, v2, v3",
                "v_dual_fmac_f32 v1, v2, v3 :: v_dual_fmac_f32 v4, v5, v6",
                "v_mov_b32_e32 v1, v2",
                "s_load_dwordx4 s[0:3], s[4:5], null",
                "buffer_store_dword v1, off, s[0:3], 0",
                "s_branch BB1",
            ],
        );
        let expected = Counts {
            rotations: 2.0,
            logic: 2.0,
            sums: 2.0,
            products: 2.0,
            others: 1.0,
            memory: 2.0,
            scalar: 1.0,
            operations: 4.0,
            has_blocks: false,
        };
        assert_eq!(amd, expected);
        let nvidia = code(
            Maker::Nvidia,
            &[
                "SHF.L.W.U32.HI",
                "LOP3.LUT",
                "IADD3",
                "IMAD.IADD",
                "FFMA",
                "LDS.128",
                "ULDC",
                "BRA",
                "UIADD3",
                "S2R",
                "HMMA.16816.F32",
            ],
        );
        let expected = Counts {
            rotations: 1.0,
            logic: 1.0,
            sums: 1.0,
            products: 2.0,
            others: 2.0,
            memory: 2.0,
            scalar: 2.0,
            operations: 2.0,
            has_blocks: true,
        };
        assert_eq!(nvidia, expected);
    }
}
