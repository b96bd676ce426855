/* The C interface of perjoule: searches SHA-256d, Bitcoin's proof of work, on CPUs and GPUs.
 *
 * Threads: every function may be called from any thread, on the same workers and stops too; what is
 * closed or freed must not be in use. In a signal handler only perjoule_stop may be called.
 * Processes: threads do not survive fork(). A child may open workers of its own, and use nothing of
 * its parent's but to close it, which does nothing, and to read strings.
 * Structs that a program makes begin with their size, and all else of them that it does not set has
 * to be zero:  PerjouleWork work = {.size = sizeof work};  a program and a library of different
 * versions then understand or refuse each other.
 * Strings belong to the library, and are valid for as long as is said where they come from.
 *
 * Made by cbindgen from src/lib.rs, which is the place for changes. */

#ifndef PERJOULE_H
#define PERJOULE_H

#include <stddef.h>
#include <stdint.h>

// The major version of this header.
#define PERJOULE_VERSION_MAJOR 0

// The minor version of this header.
#define PERJOULE_VERSION_MINOR 1

// The patch version of this header.
#define PERJOULE_VERSION_PATCH 0

// The version of this header as one number, which `perjoule_version_number` gives of the library:
// major times 1,000,000, minor times 1,000 and patch.
#define PERJOULE_VERSION_NUMBER (((PERJOULE_VERSION_MAJOR * 1000000) + (PERJOULE_VERSION_MINOR * 1000)) + PERJOULE_VERSION_PATCH)

// How a call went. Unless it is Ok, `perjoule_last_error` says more.
typedef enum {
  // It did what it should.
  PERJOULE_STATUS_OK = 0,
  // An argument makes no sense: it must be changed.
  PERJOULE_STATUS_INVALID = 1,
  // This machine or this build has no such engine.
  PERJOULE_STATUS_UNAVAILABLE = 2,
  // The device or the system failed: the same call may or may not work later.
  PERJOULE_STATUS_FAILED = 3,
  // A fault of this library. What was passed in may be closed, but not be used any more.
  PERJOULE_STATUS_PANICKED = 4,
} PerjouleStatus;

// Why a search ended.
typedef enum {
  // There is no room for more shares; there may be more.
  PERJOULE_END_FULL = 0,
  // Every hash of the work was done.
  PERJOULE_END_EXHAUSTED = 1,
  // It was told to stop.
  PERJOULE_END_STOPPED = 2,
  // No engine works any more.
  PERJOULE_END_FAILED = 3,
} PerjouleEnd;

// Tells searches to stop, from any thread, and for good.
typedef struct PerjouleStop PerjouleStop;

// Engines and their threads. Searches share them, one after the other: a second one waits for its
// turn until it is told to stop.
typedef struct PerjouleWorkers PerjouleWorkers;

// What is known of an engine without opening it.
typedef struct {
  // To be set before: `sizeof(PerjouleEngineInfo)`.
  size_t size;
  // Its name, for `perjoule_open`. It is there until the end of the process.
  const char *name;
  // Why this machine or this build cannot run it, in one line, as long; null where it can.
  const char *missing;
} PerjouleEngineInfo;

// What to search. All of it zero but size, header, target and `nonce_count` is a search of these
// nonces and nothing else.
typedef struct {
  // `sizeof(PerjouleWork)`.
  size_t size;
  // The header as it is hashed. Its nonce has no meaning.
  uint8_t header[80];
  // What a hash has to be at most: 256 bits, least significant byte first, as in a hash. Not 0.
  uint8_t target[32];
  // The first nonce.
  uint32_t first_nonce;
  // How many nonces: up to 2^32, none after 0xffffffff. With 0 there is nothing to do: the search
  // is exhausted at once.
  uint64_t nonce_count;
  // Version bits to roll, as in 0x1fffe000 (BIP 320); 0 for none.
  uint32_t version_mask;
  // How many seconds later than in the header the time may be, once nonces and versions are
  // spent.
  uint32_t roll_seconds;
} PerjouleWork;

// How far a running search is.
typedef struct {
  // How large this is in the library that calls: a field that ends after it is not there.
  size_t size;
  // Hashes done.
  uint64_t hashes;
  // Hashes there are; `UINT64_MAX` for that and more.
  uint64_t of;
  // Since the start.
  double seconds;
} PerjouleProgress;

// Who looks on while a search runs. All of it but the size may be null.
typedef struct {
  // `sizeof(PerjouleWatch)`.
  size_t size;
  // Ends the search when it says so.
  const PerjouleStop *stop;
  // Called about ten times a second, on the thread that called the search, and not at all where a
  // search is shorter. It must return: no longjmp, and an exception of C++ that leaves it ends the
  // process. A search on the same workers in it is refused, and it must not close them. What it is
  // passed is gone when it returns.
  void (*progress)(void *context, const PerjouleProgress *progress);
  // Passed on to progress.
  void *context;
} PerjouleWatch;

// A header whose hash was computed whole and meets the target: that of the work with these fields.
typedef struct {
  // The header's nonce.
  uint32_t nonce;
  // The header's version, with the bits that were rolled.
  uint32_t version;
  // The header's time.
  uint32_t time;
  // Zero, for what may be told later: an array of these keeps its shape.
  uint32_t reserved[5];
  // The hash, as SHA-256d gives its bytes.
  uint8_t hash[32];
} PerjouleShare;

// What a search did.
typedef struct {
  // To be set before: `sizeof(PerjouleOutcome)`.
  size_t size;
  // Why it ended.
  PerjouleEnd end;
  // How many shares were written.
  size_t share_count;
  // Hashes done.
  uint64_t hashes;
} PerjouleOutcome;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this library, as in "0.1.0".
const char *perjoule_version(void);

// The version of this library as one number, to be compared with `PERJOULE_VERSION_NUMBER`, which is
// that of the header: 0.1.0 is 1000. Before 1.0 the first two parts have to be the same.
uint32_t perjoule_version_number(void);

// What the last call on this thread that failed says, in one line of up to 1,023 bytes of UTF-8; empty
// before. It is there until the thread ends, and changes when another call on it fails: copy what is
// to be kept. A call that works leaves it as it is, so look at the status first, and not in the same
// argument list.
const char *perjoule_last_error(void);

// How many engines there are to ask `perjoule_engine_info` of. Every engine of processors is among
// them, on any processor, and every GPU that a driver offers; where there is none, one that says why.
// A build with GPUs asks the drivers at the first call, which takes up to a second.
size_t perjoule_engine_count(void);

// What is known of the engine with this number, from 0 on.
//
// # Safety
//
// `info` is a place for it, whose size is set.
PerjouleStatus perjoule_engine_info(size_t index, PerjouleEngineInfo *info);

// Opens an engine by its name, as in "avx2" or "gpu:0", or with null the fastest of the processor,
// measured; with a number of threads, up to 1,024, or with 0 one for each core. It takes some
// milliseconds, and a GPU up to four seconds, or part of one where an earlier run has left in this user's
// cache (`~/.cache/perjoule`) what tuning found. The result is for `perjoule_close`; nothing is written
// when it fails.
//
// Threads do not survive `fork`: a child cannot search on what its parent opened, and opens its own.
//
// # Safety
//
// `engine` is null or a string, and `workers` a place for the result.
PerjouleStatus perjoule_open(const char *engine,
                             size_t threads,
                             PerjouleWorkers **workers);

// Ends the threads, soon after it returned: a library that is loaded at run time must stay loaded.
// No search may be running on them, or start later. Null is nothing to close. In a child of `fork`
// what its parent opened is left alone, since its threads are not there.
//
// # Safety
//
// `workers` is null or from `perjoule_open`, and closed only once.
void perjoule_close(PerjouleWorkers *workers);

// The name of the engine that was opened, there until it is closed; null for null.
//
// # Safety
//
// `workers` is null or from `perjoule_open`, and not closed.
const char *perjoule_engine(const PerjouleWorkers *workers);

// A new handle to stop searches with, for `perjoule_stop_free`.
PerjouleStop *perjoule_stop_new(void);

// Stops the searches that watch this, now and later. They end within 10 ms on a processor that has
// no more threads than cores. Null stops nothing. Also from a signal handler.
//
// # Safety
//
// `stop` is null or from `perjoule_stop_new`, and not freed.
void perjoule_stop(const PerjouleStop *stop);

// Frees a handle, after the searches that watch it have returned. Null is nothing to free.
//
// # Safety
//
// `stop` is null or from `perjoule_stop_new`, freed only once, and no search watches it.
void perjoule_stop_free(PerjouleStop *stop);

// Searches until there is no room for more shares, all is done, or it is told to stop. The shares
// are the first ones by time, versions and nonce, whatever the engine and the number of threads,
// unless it was stopped or failed.
//
// Ok says that the search ran; the outcome says how it ended. With Failed the outcome is there too
// when the engines failed in mid-search; otherwise it is not written. Workers whose engines failed
// do not work again: close them, and open others. In a child of `fork` workers of the parent are
// Invalid, as they are in a progress callback of a search on them.
//
// # Safety
//
// `workers` is from `perjoule_open` and not closed before the end. `work` and `outcome` are such,
// with their sizes set, `shares` has room for `share_capacity` of them, and null will do for 0.
// `watch` is null, or such with its size set, and all of it that is not null is what it should be
// until the end.
PerjouleStatus perjoule_search(const PerjouleWorkers *workers,
                               const PerjouleWork *work,
                               const PerjouleWatch *watch,
                               PerjouleShare *shares,
                               size_t share_capacity,
                               PerjouleOutcome *outcome);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PERJOULE_H */
