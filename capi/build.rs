//! Names the shared library by the version that programs are linked with, where systems look for it by
//! that name: `libperjoule.so.0.1` of 0.1.z, and `libperjoule.so.1` of 1.y.z.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of = |variable: &str| var(variable).unwrap_or_default();
    let elf = of("CARGO_CFG_TARGET_FAMILY").split(',').any(|family| family == "unix")
        && of("CARGO_CFG_TARGET_VENDOR") != "apple";
    if elf {
        // Before 1.0 it is the minor version that may take something away.
        let version = match of("CARGO_PKG_VERSION_MAJOR").as_str() {
            "0" => format!("0.{}", of("CARGO_PKG_VERSION_MINOR")),
            major => major.to_owned(),
        };
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libperjoule.so.{version}");
    }
}
