// What of Metal's language and library the kernels use, in CUDA's C++.
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;

namespace metal {
using ::uint;

template <class T> struct vec2 {
    T x, y;
    vec2() = default;
    __forceinline__ explicit vec2(T all) : x(all), y(all) {}
    __forceinline__ vec2(T x, T y) : x(x), y(y) {}
};
template <class T> struct vec3 {
    T x, y, z;
    vec3() = default;
    __forceinline__ vec3(T x, T y, T z) : x(x), y(y), z(z) {}
};
template <class T> struct alignas(4 * sizeof(T)) vec4 {
    T x, y, z, w;
    vec4() = default;
    constexpr __forceinline__ explicit vec4(T all) : x(all), y(all), z(all), w(all) {}
    constexpr __forceinline__ vec4(T x, T y, T z, T w) : x(x), y(y), z(z), w(w) {}
    template <class U> __forceinline__ explicit vec4(vec4<U> v) : x(T(v.x)), y(T(v.y)), z(T(v.z)), w(T(v.w)) {}
    __forceinline__ T &operator[](uint i) { return (&x)[i]; }
    __forceinline__ T const &operator[](uint i) const { return (&x)[i]; }
};
#define EACH(op)                                                                                                       \
    template <class T> __forceinline__ vec4<T> operator op(vec4<T> a, vec4<T> b) {                                     \
        return vec4<T>(a.x op b.x, a.y op b.y, a.z op b.z, a.w op b.w);                                                \
    }                                                                                                                  \
    template <class T> __forceinline__ vec4<T> operator op(vec4<T> a, T b) { return a op vec4<T>(b); }                 \
    template <class T> __forceinline__ vec4<T> operator op(T a, vec4<T> b) { return vec4<T>(a) op b; }
EACH(+)
EACH(-)
EACH(*)
EACH(&)
EACH(|)
EACH(^)
EACH(<<)
EACH(>>)
#undef EACH
template <class T> __forceinline__ vec4<T> operator-(vec4<T> a) { return vec4<T>(-a.x, -a.y, -a.z, -a.w); }
using uint2 = vec2<uint>;
using uint3 = vec3<uint>;
using uint4 = vec4<uint>;
using int2 = vec2<int>;
using int4 = vec4<int>;
using float2 = vec2<float>;
using float4 = vec4<float>;

__forceinline__ float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__forceinline__ float4 fma(float4 a, float4 b, float4 c) {
    return float4(fma(a.x, b.x, c.x), fma(a.y, b.y, c.y), fma(a.z, b.z, c.z), fma(a.w, b.w, c.w));
}
template <class T> __forceinline__ T select(T no, T yes, bool which) { return which ? yes : no; }
template <class T> __forceinline__ T min(T a, T b) { return a < b ? a : b; }
template <class T> __forceinline__ T max(T a, T b) { return a > b ? a : b; }

using atomic_uint = uint;
constexpr int memory_order_relaxed = 0;
__forceinline__ uint atomic_fetch_add_explicit(atomic_uint *at, uint what, int) { return atomicAdd(at, what); }

enum mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
__forceinline__ void threadgroup_barrier(int) { __syncthreads(); }
} // namespace metal

template <class T, class U> __forceinline__ T as_type(U from) {
    T to;
    static_assert(sizeof(T) == sizeof(U), "as many bits");
    memcpy(&to, &from, sizeof to);
    return to;
}

// A sum of four products of bytes, which is one instruction together with the sum that it is added to.
struct dot {
    int a, b;
};
template <class T> __forceinline__ dot as_type(dot it) { return it; }
__forceinline__ uint operator+(uint sum, dot it) {
    uint all;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(all) : "r"(it.a), "r"(it.b), "r"(sum));
    return all;
}
