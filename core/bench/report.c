/* A report, for people and as JSON. */
#include <inttypes.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/bench/kind.h"

static double rate(const struct bench_report *report)
{
	return report->seconds > 0 ? (double)report->operations / report->seconds : 0;
}

/* Of processor time, an operation. */
static double us_each(const struct bench_report *report, uint64_t ns)
{
	return report->operations ? (double)ns / 1e3 / (double)report->operations : 0;
}

static const char *time_text(uint64_t ns, char *out, size_t size)
{
	if (ns < 1000000)
		snprintf(out, size, "%.4g us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(out, size, "%.4g ms", (double)ns / 1e6);
	else
		snprintf(out, size, "%.4g s", (double)ns / 1e9);
	return out;
}

static void print_usage(const char *what, const struct bench_report *report, const struct bench_usage *usage,
			FILE *out)
{
	uint64_t all = usage->user_ns + usage->system_ns;
	fprintf(out,
		"%-10s%.3f us of processor time an operation (user %.3f, system %.3f), %.0f %% of a processor",
		what, us_each(report, all), us_each(report, usage->user_ns),
		us_each(report, usage->system_ns),
		report->seconds > 0 ? (double)all / 1e7 / report->seconds : 0);
}

static void print_troubles(const struct bench_report *report, FILE *out)
{
	bool any = false;
	fputs("errors   ", out);
	for (enum bench_trouble i = 0; i < BENCH_TROUBLES; i++) {
		if (report->troubles[i]) {
			fprintf(out, "%s %" PRIu64 " %s", any ? "," : "", report->troubles[i],
				bench_trouble_name(i));
			any = true;
		}
	}
	fputs(any ? "\n" : " none\n", out);
}

static void print_count(uint64_t count, const char *word, FILE *out)
{
	fprintf(out, "%" PRIu64 " %s%s", count, word, count == 1 ? "" : "s");
}

void bench_print(const struct bench_report *report, FILE *out)
{
	const struct bench_settings *settings = &report->settings;
	char p50[32], p99[32], p999[32], max[32];
	fprintf(out, "%s %s: ", settings->kind, settings->endpoint);
	if (!kind_find(settings->kind)->churns)
		fprintf(out, "%" PRIu64 " x %" PRIu64 " bytes in flight on each of ", settings->depth,
			settings->size);
	print_count(settings->connections, "connection", out);
	fputs(", ", out);
	if (settings->idle) {
		print_count(settings->idle, "idle one", out);
		fputs(", ", out);
	}
	print_count(settings->threads, "thread", out);
	fprintf(out, ", %.2f s%s\n", report->seconds, report->interrupted ? " (interrupted)" : "");
	fprintf(out, "rate      %.0f operations/s, %.2f MB/s, %" PRIu64 " in all\n", rate(report),
		rate(report) * (double)settings->size / 1e6, report->operations);
	fprintf(out, "latency   p50 %s, p99 %s, p99.9 %s, max %s\n",
		time_text(report->p50_ns, p50, sizeof(p50)), time_text(report->p99_ns, p99, sizeof(p99)),
		time_text(report->p999_ns, p999, sizeof(p999)), time_text(report->max_ns, max, sizeof(max)));
	if (settings->pids) {
		print_usage("server", report, &report->server, out);
		fprintf(out, ", %.2f MiB resident\n", (double)report->resident / (1 << 20));
	}
	print_usage("bench", report, &report->load, out);
	fputc('\n', out);
	if (settings->resume)
		fprintf(out, "resumed   %" PRIu64 " of the handshakes\n", report->resumed);
	print_troubles(report, out);
}

static void print_json_usage(const char *name, const struct bench_report *report,
			     const struct bench_usage *usage, FILE *out)
{
	fprintf(out,
		",\"%s\":{\"cpu_us_per_operation\":%.4f,\"user_us_per_operation\":%.4f,"
		"\"system_us_per_operation\":%.4f",
		name, us_each(report, usage->user_ns + usage->system_ns), us_each(report, usage->user_ns),
		us_each(report, usage->system_ns));
}

void bench_print_json(const struct bench_report *report, FILE *out)
{
	const struct bench_settings *settings = &report->settings;
	char endpoint[1024], failure[2048];
	escape_json(endpoint, sizeof(endpoint), settings->endpoint, strlen(settings->endpoint));
	escape_json(failure, sizeof(failure), report->failure, strlen(report->failure));
	fprintf(out,
		"{\"kind\":\"%s\",\"endpoint\":\"%s\",\"connections\":%" PRIu64 ",\"size\":%" PRIu64
		",\"depth\":%" PRIu64 ",\"threads\":%" PRIu64 ",\"senders\":%" PRIu64 ",\"idle\":%" PRIu64
		",\"seconds\":%.6f,\"operations\":%" PRIu64 ",\"rate\":%.3f,\"bytes_per_second\":%.1f",
		settings->kind, endpoint, settings->connections, settings->size, settings->depth,
		settings->threads, settings->senders, settings->idle, report->seconds, report->operations,
		rate(report), rate(report) * (double)settings->size);
	fputs(",\"errors\":{", out);
	for (enum bench_trouble i = 0; i < BENCH_TROUBLES; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", bench_trouble_name(i), report->troubles[i]);
	fprintf(out, "},\"latency_us\":{\"p50\":%.3f,\"p99\":%.3f,\"p99.9\":%.3f,\"max\":%.3f}",
		(double)report->p50_ns / 1e3, (double)report->p99_ns / 1e3, (double)report->p999_ns / 1e3,
		(double)report->max_ns / 1e3);
	if (settings->pids) {
		print_json_usage("server", report, &report->server, out);
		fprintf(out, ",\"resident_bytes\":%" PRIu64 "}", report->resident);
	}
	print_json_usage("bench", report, &report->load, out);
	fputs("}", out);
	if (settings->resume)
		fprintf(out, ",\"resumed\":%" PRIu64, report->resumed);
	fprintf(out, ",\"interrupted\":%s,\"failure\":%s%s%s}\n", report->interrupted ? "true" : "false",
		report->failure[0] ? "\"" : "", report->failure[0] ? failure : "null",
		report->failure[0] ? "\"" : "");
}
