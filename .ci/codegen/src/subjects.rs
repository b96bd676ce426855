//! The kernels and variants that compilers are asked about.

use crate::code::Count;

/// A kernel, an entry point and its overrides.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name in the table.
    pub name: String,
    /// Its file in `kernels/`.
    pub file: &'static str,
    pub entry: &'static str,
    pub overrides: Vec<(&'static str, f64)>,
    pub needs: Needs,
    /// Whose cards it is for; `None` for all.
    pub maker: Option<Maker>,
    pub count: Count,
}

/// What a card has to have for a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    F16,
    Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    Amd,
    Nvidia,
}

/// A way to compile a kernel: its name, whose cards it is for, and overrides.
type Form = (&'static str, Option<Maker>, &'static [(&'static str, f64)]);

/// The forms of the search kernel that are tried on cards: those of `src/engine/gpu/form.rs`.
const FORMS: [Form; 5] = [
    ("added", None, &[]),
    ("sums of rounds multiplied", Some(Maker::Nvidia), &[("MULTIPLIED", 1.0)]),
    ("all sums multiplied", Some(Maker::Nvidia), &[("MULTIPLIED", 2.0)]),
    (
        "rotations by a uniform, Ch by or",
        Some(Maker::Amd),
        &[("UNIFORM_ROTATIONS", 1.0), ("CHOOSE_BY_OR", 1.0)],
    ),
    (
        "rotations by a uniform, Ch and Maj by or",
        Some(Maker::Amd),
        &[("UNIFORM_ROTATIONS", 1.0), ("CHOOSE_BY_OR", 1.0), ("MAJORITY_BY_OR", 1.0)],
    ),
];

/// Versions that share a schedule in the table.
const VERSIONS: u32 = 8;

/// Every other kernel and entry point: what it is called, its file and entry, what it needs, and how it is counted.
const OTHERS: [(&str, &str, &str, Needs, Count); 17] = [
    ("product of f32, 8 x 8 a thread", "matmul_f32", "multiply_8x8", Needs::Nothing, Count::Loop),
    ("product of f32, 4 x 4 a thread", "matmul_f32", "multiply_4x4", Needs::Nothing, Count::Loop),
    ("product of f16 in f32", "matmul_f16", "multiply_f32", Needs::F16, Count::Loop),
    ("product of f16", "matmul_f16", "multiply_f16", Needs::F16, Count::Loop),
    ("product of i8", "matmul_i8", "multiply", Needs::Nothing, Count::Loop),
    ("product of f16 by blocks of 16", "matmul_coop", "multiply_16", Needs::Blocks, Count::Loop),
    ("peak of f32, fused", "peak_f32", "fused", Needs::Nothing, Count::Loop),
    ("peak of f32, apart", "peak_f32", "separate", Needs::Nothing, Count::Loop),
    ("peak of f16, fused", "peak_f16", "fused", Needs::F16, Count::Loop),
    ("peak of f16, apart", "peak_f16", "separate", Needs::F16, Count::Loop),
    ("peak of i8", "peak_i8", "dots", Needs::Nothing, Count::Loop),
    ("peak of blocks of 16", "peak_coop", "multiply_16", Needs::Blocks, Count::Loop),
    ("copy", "bandwidth", "copy", Needs::Nothing, Count::All),
    ("triad", "bandwidth", "triad", Needs::Nothing, Count::All),
    ("fill", "fill", "fill", Needs::Nothing, Count::All),
    ("launch", "launch", "launch", Needs::Nothing, Count::All),
    ("roof of the search, added", "sha256_roof", "exercise", Needs::Nothing, Count::Loop),
];

/// The other roofs of the search.
const ROOFS: [Form; 6] = [
    ("rotations and logic", None, &[("SUMS", 0.0)]),
    (
        "rotations by a uniform and logic",
        Some(Maker::Amd),
        &[("SUMS", 0.0), ("UNIFORM_ROTATIONS", 1.0)],
    ),
    ("sums", None, &[("LOGIC", 0.0)]),
    ("sums multiplied", Some(Maker::Nvidia), &[("LOGIC", 0.0), ("MULTIPLIED", 1.0)]),
    ("both, multiplied", Some(Maker::Nvidia), &[("MULTIPLIED", 1.0)]),
    ("both, rotations by a uniform", Some(Maker::Amd), &[("UNIFORM_ROTATIONS", 1.0)]),
];

/// Returns the forms of the search: those that a maker's cards are given, or all.
pub fn searches() -> Vec<Subject> {
    let of_form = |(form, maker, overrides): &Form| {
        [1, VERSIONS].map(|versions| {
            let mut overrides = overrides.to_vec();
            overrides.push(("ROLLING", f64::from(u8::from(versions > 1))));
            let of = if versions > 1 { "eight versions" } else { "one version" };
            Subject {
                name: format!("{of}, {form}"),
                file: "sha256d",
                entry: "search",
                overrides,
                needs: Needs::Nothing,
                maker: *maker,
                count: Count::Hash { versions },
            }
        })
    };
    FORMS.iter().flat_map(of_form).collect()
}

/// Returns all other kernels.
pub fn others() -> Vec<Subject> {
    let subject =
        |name: &str, file, entry, needs, maker, overrides: &[(&'static str, f64)], count| Subject {
            name: name.to_owned(),
            file,
            entry,
            overrides: overrides.to_vec(),
            needs,
            maker,
            count,
        };
    let others = OTHERS.iter().map(|&(name, file, entry, needs, count)| {
        subject(name, file, entry, needs, None, &[], count)
    });
    let roofs = ROOFS.iter().map(|(name, maker, overrides)| {
        let name = format!("roof of the search, {name}");
        subject(&name, "sha256_roof", "exercise", Needs::Nothing, *maker, overrides, Count::Loop)
    });
    others.chain(roofs).collect()
}
