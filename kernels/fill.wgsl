// Writes every vector of a buffer, each by its place, so that all of the buffer must be there.
//
// Every thread goes through the vectors in strides of the whole grid: count / threads + 2 rounds.
//
// Limits: (threads of the grid) + count is below 2^32, and the buffer holds `count` vectors.
// Bindings: kernels/README.md.

// Threads of a workgroup.
override GROUP: u32 = 256u;

struct Work {
    // Vectors.
    count: u32,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> to: array<vec4<u32>>;

@compute @workgroup_size(GROUP)
fn fill(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let stride = groups.x * groups.y * GROUP;
    var i = id.y * groups.x * GROUP + id.x;
    while i < work.count {
        to[i] = vec4(i, ~i, i * 0x9e3779b9u, work.count);
        i += stride;
    }
}
