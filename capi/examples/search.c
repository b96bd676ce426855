/* Finds the nonce of block 1 of the main chain again, until Ctrl-C.
 *
 *     cargo build --release
 *     cc -Iinclude examples/search.c target/release/libperjoule.a -lm -o search && ./search [ENGINE | list]
 */

#include <perjoule.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Version, previous block, merkle root, time, bits; the nonce is to be found. */
static const char HEADER[] =
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e"
    "1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d00000000";

static const PerjouleStop *stop;

static void interrupted(int signal) {
    (void)signal;
    perjoule_stop(stop);
}

static void tell(void *context, const PerjouleProgress *progress) {
    (void)context;
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " hashes\n", progress->hashes, progress->of);
}

/* Every engine, and what this machine lacks for it. */
static void list(void) {
    for (size_t i = 0; i < perjoule_engine_count(); i++) {
        PerjouleEngineInfo info = {.size = sizeof info};
        if (perjoule_engine_info(i, &info) == PERJOULE_STATUS_OK)
            printf("%-10s %s\n", info.name, info.missing ? info.missing : "available");
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "list") == 0) {
        list();
        return 0;
    }
    PerjouleWorkers *workers;
    if (perjoule_open(argc > 1 ? argv[1] : NULL, 0, &workers) != PERJOULE_STATUS_OK) {
        fprintf(stderr, "search: %s\n", perjoule_last_error());
        return 2;
    }

    PerjouleWork work = {.size = sizeof work, .first_nonce = 0x99000000, .nonce_count = 0x01000000};
    for (size_t i = 0; i < sizeof work.header; i++) {
        unsigned byte;
        sscanf(HEADER + 2 * i, "%2x", &byte);
        work.header[i] = (uint8_t)byte;
    }
    /* Difficulty 1: 0xffff, and 26 bytes below it. */
    work.target[26] = work.target[27] = 0xff;

    PerjouleStop *handle = perjoule_stop_new();
    stop = handle;
    signal(SIGINT, interrupted);
    PerjouleWatch watch = {.size = sizeof watch, .stop = handle, .progress = tell};

    PerjouleShare share;
    PerjouleOutcome outcome = {.size = sizeof outcome};
    PerjouleStatus status = perjoule_search(workers, &work, &watch, &share, 1, &outcome);
    if (status != PERJOULE_STATUS_OK) {
        fprintf(stderr, "search: %s\n", perjoule_last_error());
    } else if (outcome.share_count == 1) {
        printf("nonce %" PRIu32 " after %" PRIu64 " hashes by %s\n", share.nonce, outcome.hashes,
               perjoule_engine(workers));
    } else {
        puts(outcome.end == PERJOULE_END_STOPPED ? "stopped" : "no nonce of these meets the target");
    }

    signal(SIGINT, SIG_DFL);
    perjoule_stop_free(handle);
    perjoule_close(workers);
    return status == PERJOULE_STATUS_OK ? 0 : 2;
}
