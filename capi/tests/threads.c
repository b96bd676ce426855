/* The interface from several threads at once, for valgrind too: the same workers, stops and errors.
 *
 *     threads ENGINE
 */

#include <perjoule.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(right) ((right) ? (void)0 : failed(#right, __LINE__))

enum { THREADS = 4, ROUNDS = 3, ROOM = 64 };

static void failed(const char *what, int line) {
    fprintf(stderr, "threads.c:%d: not so: %s (last error: %s)\n", line, what, perjoule_last_error());
    exit(1);
}

static PerjouleWorkers *workers;

/* One hash in 256 meets it. */
static PerjouleWork easy(uint8_t seed) {
    PerjouleWork work = {.size = sizeof work, .first_nonce = 7, .nonce_count = 4096, .version_mask = 0x6000};
    memset(work.header, seed, sizeof work.header);
    memset(work.target, 0xff, 31);
    return work;
}

static void *search(void *argument) {
    uint8_t seed = *(uint8_t *)argument;
    PerjouleWork work = easy(seed);
    PerjouleShare first[ROOM];
    size_t count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        PerjouleShare shares[ROOM];
        PerjouleOutcome outcome = {.size = sizeof outcome};
        CHECK(perjoule_search(workers, &work, NULL, shares, ROOM, &outcome) == PERJOULE_STATUS_OK);
        CHECK(outcome.share_count > 16);
        CHECK(outcome.end == (outcome.share_count == ROOM ? PERJOULE_END_FULL : PERJOULE_END_EXHAUSTED));
        for (size_t i = 0; i < outcome.share_count; i++) {
            CHECK(shares[i].nonce >= 7 && shares[i].nonce < 7 + 4096);
            CHECK(shares[i].hash[31] == 0);
        }
        /* The same each time, and none of another thread's. */
        if (round == 0) {
            count = outcome.share_count;
            memcpy(first, shares, sizeof *shares * count);
        }
        CHECK(outcome.share_count == count && memcmp(first, shares, sizeof *shares * count) == 0);

        /* Errors are each thread's own. */
        PerjouleWorkers *none = NULL;
        char name[16];
        snprintf(name, sizeof name, "thread%d", seed);
        CHECK(perjoule_open(name, 0, &none) == PERJOULE_STATUS_INVALID && none == NULL);
        CHECK(strstr(perjoule_last_error(), name) != NULL);
    }
    return NULL;
}

struct endless {
    PerjouleStop *stop;
    int told;
};

static void stop_soon(void *context, const PerjouleProgress *progress) {
    struct endless *endless = context;
    CHECK(progress->of == UINT64_MAX);
    if (++endless->told == 2)
        perjoule_stop(endless->stop);
}

static void *run_until_stopped(void *argument) {
    struct endless *endless = argument;
    PerjouleWork work = {.size = sizeof work,
                         .target = {1},
                         .nonce_count = 1ULL << 32,
                         .version_mask = 0xffffffff,
                         .roll_seconds = 9};
    PerjouleWatch watch = {
        .size = sizeof watch, .stop = endless->stop, .progress = stop_soon, .context = endless};
    PerjouleOutcome outcome = {.size = sizeof outcome};
    PerjouleShare share;
    CHECK(perjoule_search(workers, &work, &watch, &share, 1, &outcome) == PERJOULE_STATUS_OK);
    CHECK(outcome.end == PERJOULE_END_STOPPED && outcome.share_count == 0);
    return NULL;
}

static void on_all_threads(void *(*start)(void *), void *arguments, size_t size) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, start, (char *)arguments + i * size) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", PERJOULE_VERSION_MAJOR, PERJOULE_VERSION_MINOR,
             PERJOULE_VERSION_PATCH);
    CHECK(strcmp(perjoule_version(), version) == 0);
    CHECK(perjoule_version_number() == PERJOULE_VERSION_NUMBER);
    CHECK(*perjoule_last_error() == '\0');
    CHECK(perjoule_open(argv[1], 2, &workers) == PERJOULE_STATUS_OK);
    CHECK(strcmp(perjoule_engine(workers), argv[1]) == 0);

    uint8_t seeds[THREADS] = {1, 2, 3, 4};
    on_all_threads(search, seeds, sizeof *seeds);

    struct endless endless[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++)
        endless[i].stop = perjoule_stop_new();
    on_all_threads(run_until_stopped, endless, sizeof *endless);
    for (size_t i = 0; i < THREADS; i++)
        perjoule_stop_free(endless[i].stop);

    perjoule_close(workers);
    puts("all as it should be");
    return 0;
}
