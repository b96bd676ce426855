/* What a call costs beside its hashes: one of a single nonce, and one of 2^20 of them. It prints both, and
 * asserts nothing of them. */

#include <perjoule.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = 101 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of that many calls, in seconds. No hash is small enough for the target. */
static double call(const PerjouleWorkers *workers, uint64_t nonces) {
    static double took[CALLS];
    PerjouleWork work = {.size = sizeof work, .nonce_count = nonces};
    PerjouleShare share;
    PerjouleOutcome outcome = {.size = sizeof outcome};
    work.target[0] = 1;
    for (int i = 0; i < CALLS; i++) {
        double from = seconds();
        PerjouleStatus status = perjoule_search(workers, &work, NULL, &share, 1, &outcome);
        took[i] = seconds() - from;
        if (status != PERJOULE_STATUS_OK || outcome.hashes != nonces) {
            fprintf(stderr, "cost: %s\n", perjoule_last_error());
            exit(2);
        }
    }
    qsort(took, CALLS, sizeof *took, ascending);
    return took[CALLS / 2];
}

int main(void) {
    PerjouleWorkers *workers;
    if (perjoule_open(NULL, 1, &workers) != PERJOULE_STATUS_OK) {
        fprintf(stderr, "cost: %s\n", perjoule_last_error());
        return 2;
    }
    double one = call(workers, 1), many = call(workers, 1 << 20);
    printf("%s, one thread, medians of %d calls: 1 nonce %.1f us, 2^20 nonces %.0f us: %.2f %%\n",
           perjoule_engine(workers), CALLS, 1e6 * one, 1e6 * many, 100 * one / many);
    perjoule_close(workers);
    return 0;
}
