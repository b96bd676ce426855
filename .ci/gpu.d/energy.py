"""Compares joules of a card's counter, which scores have, with power that was sampled beside them.

    energy.py SMI_CSV SCORE_JSON...

SMI_CSV is what nvidia-smi wrote: time (UTC), address on the bus, watts and more. A score tells when it began in whole seconds;
by what fraction is found out where its own trace of power fits the samples best, which has nothing to do with the counter.
What the trace has is the power at a moment on some cards, and on others its mean over the second before.
Ends with 77 where nothing can be compared, and fails where counter and samples are more than 3 % apart.
"""

import bisect
import datetime
import itertools
import json
import sys

ABSENT = 77
MOST_APART = 3.0
# Seconds between samples beyond which they say nothing of what was between them.
GAP = 1.0
# Points of a trace that are enough to find where it fits.
POINTS = 600
# Seconds over which a driver may average the power of a trace.
AVERAGED = 1.0


def main(csv, *scores):
    samples = read_samples(csv)
    if not samples:
        print(f"{csv} has no samples of power")
        sys.exit(ABSENT)
    counted = sampled = 0.0
    windows, why = 0, {}
    for path in scores:
        try:
            with open(path, encoding="utf-8") as file:
                score = json.load(file)
        except (OSError, ValueError) as error:
            why.setdefault(str(error), []).append(path)
            continue
        # When it began, by the card.
        began = {}
        for energy, name in metered(score, why):
            charged = energy["charged"]
            card = address(charged[0])
            if len(charged) != 1 or card not in samples:
                why.setdefault(f"no samples of {', '.join(charged)}", []).append(name)
                continue
            if card not in began:
                began[card] = began_at(score, charged[0], samples[card])
            pairs = []
            for window in energy["trials"]:
                start = began[card] + window["start"]
                joules = samples[card].joules(start, start + window["seconds"])
                if joules is not None:
                    pairs.append((window["joules"], joules))
            if not pairs:
                why.setdefault("nothing was sampled in its windows", []).append(name)
                continue
            counter, integral = (sum(column) for column in zip(*pairs))
            each = [apart(*pair) for pair in pairs]
            print(
                f"{name}: counter {counter:,.0f} J, samples {integral:,.0f} J, {apart(counter, integral):+.1f} %"
                f" ({len(pairs)} windows, {min(each):+.1f} to {max(each):+.1f} %)"
            )
            counted, sampled, windows = counted + counter, sampled + integral, windows + len(pairs)
    for reason, names in why.items():
        print(f"not compared: {', '.join(names)}: {reason}")
    if not windows:
        print(f"nothing to compare: {next(iter(why), 'there are no scores')}")
        sys.exit(ABSENT)
    total = apart(counted, sampled)
    print(f"samples {sampled:,.0f} J, counter {counted:,.0f} J: {total:+.1f} % over {windows} windows")
    sys.exit(abs(total) > MOST_APART)


def apart(counter, samples):
    return 100 * (samples / counter - 1)


def metered(score, why):
    """The rows of a score whose joules a card's counter gave, with their names."""
    for row in score["rows"]:
        energy = row["energy"]
        name = f"{row['workload']} {row['variant']} {json.dumps(row['size'])}"
        if energy is None:
            why.setdefault(row["no_energy"], []).append(name)
        elif energy["source"] != "nvml" or energy["assumed"]:
            why.setdefault(f"joules of {energy['source']}, not of a card's counter", []).append(name)
        else:
            yield energy, name


class Curve:
    """Power over time, straight from sample to sample."""

    def __init__(self, points):
        self.times, self.watts = zip(*sorted(points))
        pairs = list(zip(self.times, self.watts))
        areas = ((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(pairs, pairs[1:]))
        # Joules from the first sample to each.
        self.areas = list(itertools.accumulate(areas, initial=0.0))
        self.gaps = [a for a, b in zip(self.times, self.times[1:]) if b - a > GAP]

    def at(self, time):
        """Watts at a time, and joules up to it; None where no sample is near."""
        after = bisect.bisect_left(self.times, time)
        if after in (0, len(self.times)) or self.times[after] - self.times[after - 1] > GAP:
            return None
        before = after - 1
        since = time - self.times[before]
        slope = (self.watts[after] - self.watts[before]) / (self.times[after] - self.times[before])
        watts = self.watts[before] + since * slope
        return watts, self.areas[before] + since * (self.watts[before] + watts) / 2

    def joules(self, start, end):
        """The area from a time to another; None where samples are missing."""
        ends = self.at(start), self.at(end)
        if None in ends or bisect.bisect_left(self.gaps, start) != bisect.bisect_left(self.gaps, end):
            return None
        return ends[1][1] - ends[0][1]

    def mean(self, time, over):
        """Watts over the seconds before a time, or at it."""
        if over == 0:
            at = self.at(time)
            return at and at[0]
        joules = self.joules(time - over, time)
        return None if joules is None else joules / over


def read_samples(path):
    """Points of time and watts, by the card's address."""
    samples = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = [field.strip() for field in line.split(",")]
            try:
                time = datetime.datetime.strptime(fields[0], "%Y/%m/%d %H:%M:%S.%f")
                point = time.replace(tzinfo=datetime.timezone.utc).timestamp(), float(fields[2])
            # The header, the last line, half written, and what a driver does not know.
            except (ValueError, IndexError):
                continue
            samples.setdefault(address(fields[1]), []).append(point)
    return {card: Curve(points) for card, points in samples.items()}


def address(text):
    """Of the domain of a meter, or of nvidia-smi, which has eight digits before the first colon: 0000:00:06.0."""
    return text.rpartition("@")[2].lower()[-12:]


def began_at(score, domain, curve):
    """When a score began."""
    second = datetime.datetime.fromisoformat(score["started"].replace("Z", "+00:00")).timestamp()
    trace = next((it["points"] for it in score["traces"] if it["domain"] == domain), [])
    trace = trace[:: len(trace) // POINTS + 1]
    if not trace:
        print(f"{score['started']}: it has no trace of power, and may have begun up to 0.5 s before or after what is taken")
        return second + 0.5

    def misfit(guess):
        hundredths, over = guess
        pairs = [(curve.mean(second + hundredths / 100 + time, over), watts) for time, watts in trace]
        known = [abs(watts - sampled) for sampled, watts in pairs if sampled is not None]
        # A few points may fit anywhere.
        return sum(known) / len(known) if 2 * len(known) > len(trace) else float("inf")

    best = min(itertools.product(range(-20, 121), (0, AVERAGED)), key=misfit)
    of = f"means of {best[1]:.0f} s" if best[1] else "power at a moment"
    print(f"{score['started']}: began {best[0] / 100:.2f} s later, where its trace, {of}, is within {misfit(best):.1f} W of the samples")
    return second + best[0] / 100


main(*sys.argv[1:])
