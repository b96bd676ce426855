// Next to nothing: what is measured is how long it takes to have a kernel run and to know that it has.
//
// One workgroup of one thread, which counts how often it was run.
// Bindings: kernels/README.md.

struct Work {
    // What one run adds to the count.
    step: u32,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> count: u32;

@compute @workgroup_size(1)
fn launch() {
    count += work.step;
}
