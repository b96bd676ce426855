// How fast memory is read and written: a copy, and a triad (to = first + factor * second).
//
// Every thread goes through the vectors in strides of the whole grid, so that threads side by side
// read side by side, and has four on the way at a time. Bytes moved are 32 of a vector copied, 48 of
// a triad. A thread goes through count / (4 * threads) + 3 rounds.
//
// Limits: 4 * (threads of the grid) + count is below 2^32, and the buffers hold `count` vectors.
// Bindings: kernels/README.md.

// Threads of a workgroup.
override GROUP: u32 = 256u;

struct Work {
    // Vectors.
    count: u32,
    factor: f32,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> to: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> second: array<vec4<f32>>;

@compute @workgroup_size(GROUP)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let stride = groups.x * groups.y * GROUP;
    var i = id.y * groups.x * GROUP + id.x;
    while i + 3u * stride < work.count {
        let v0 = first[i];
        let v1 = first[i + stride];
        let v2 = first[i + 2u * stride];
        let v3 = first[i + 3u * stride];
        to[i] = v0;
        to[i + stride] = v1;
        to[i + 2u * stride] = v2;
        to[i + 3u * stride] = v3;
        i += 4u * stride;
    }
    while i < work.count {
        to[i] = first[i];
        i += stride;
    }
}

@compute @workgroup_size(GROUP)
fn triad(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let stride = groups.x * groups.y * GROUP;
    let factor = vec4<f32>(work.factor);
    var i = id.y * groups.x * GROUP + id.x;
    while i + 3u * stride < work.count {
        let v0 = fma(factor, second[i], first[i]);
        let v1 = fma(factor, second[i + stride], first[i + stride]);
        let v2 = fma(factor, second[i + 2u * stride], first[i + 2u * stride]);
        let v3 = fma(factor, second[i + 3u * stride], first[i + 3u * stride]);
        to[i] = v0;
        to[i + stride] = v1;
        to[i + 2u * stride] = v2;
        to[i + 3u * stride] = v3;
        i += 4u * stride;
    }
    while i < work.count {
        to[i] = fma(factor, second[i], first[i]);
        i += stride;
    }
}
