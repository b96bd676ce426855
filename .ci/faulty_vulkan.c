/* A Vulkan loader whose driver falls sick: everything goes to the real loader, but the function that
 * VULKAN_FAULT names fails from its nth call on. VULKAN_FAULT=vkQueueSubmit:20:-4 loses the device when
 * work is submitted for the 21st time; -1, -2 and -4 are the results of vulkan_core.h for no host
 * memory, no device memory, and a lost device.
 *
 *   cc -shared -fPIC -o DIR/libvulkan.so.1 faulty_vulkan.c && LD_LIBRARY_PATH=DIR … */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*function)(void);
typedef function (*lookup)(void *, const char *);

/* Whether this call of the function fails, and how. */
static int fails(const char *name, int *calls, int *result) {
    char sick[64];
    int healthy;
    const char *fault = getenv("VULKAN_FAULT");
    if (!fault || sscanf(fault, "%63[^:]:%d:%d", sick, &healthy, result) != 3 || strcmp(sick, name)) return 0;
    return __sync_fetch_and_add(calls, 1) >= healthy;
}

#define SICK(NAME, PARAMETERS, ARGUMENTS)              \
    static int(*real_##NAME) PARAMETERS;               \
    static int sick_##NAME PARAMETERS {                \
        static int calls;                              \
        int result;                                    \
        if (fails(#NAME, &calls, &result)) return result; \
        return real_##NAME ARGUMENTS;                  \
    }

SICK(vkEnumeratePhysicalDevices, (void *a, void *b, void *c), (a, b, c))
SICK(vkCreateDevice, (void *a, void *b, void *c, void *d), (a, b, c, d))
SICK(vkCreateComputePipelines, (void *a, void *b, uint32_t c, void *d, void *e, void *f), (a, b, c, d, e, f))
SICK(vkAllocateMemory, (void *a, void *b, void *c, void *d), (a, b, c, d))
SICK(vkQueueSubmit, (void *a, uint32_t b, void *c, void *d), (a, b, c, d))
SICK(vkWaitSemaphores, (void *a, void *b, uint64_t c), (a, b, c))

static function replaced(const char *name, function real) {
#define REPLACE(NAME)                             \
    if (real && !strcmp(name, #NAME)) {           \
        *(function *)&real_##NAME = real;         \
        return (function)sick_##NAME;             \
    }
    REPLACE(vkEnumeratePhysicalDevices)
    REPLACE(vkCreateDevice)
    REPLACE(vkCreateComputePipelines)
    REPLACE(vkAllocateMemory)
    REPLACE(vkQueueSubmit)
    REPLACE(vkWaitSemaphores)
    return real;
}

static lookup real(const char *name) {
    static void *loader;
    if (!loader) loader = dlopen(getenv("VULKAN_LOADER"), RTLD_NOW | RTLD_LOCAL);
    return loader ? (lookup)dlsym(loader, name) : NULL;
}

function vkGetDeviceProcAddr(void *device, const char *name) {
    return replaced(name, real("vkGetDeviceProcAddr")(device, name));
}

function vkGetInstanceProcAddr(void *instance, const char *name) {
    lookup look_up = real("vkGetInstanceProcAddr");
    if (!look_up) return NULL;
    if (!strcmp(name, "vkGetDeviceProcAddr")) return (function)vkGetDeviceProcAddr;
    return replaced(name, look_up(instance, name));
}
