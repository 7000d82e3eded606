/* SPDX-License-Identifier: Apache-2.0 */
/* A form is a pattern: D Y y h m s are digits of day, year and time, N is a letter of the month's name, W one
 * of the weekday's, _ a digit or a space of the day; anything else stands for itself. */
#include "http_date.h"

#include "sluice/text.h"

#define SECONDS_A_DAY 86400

static const char *const forms[] = {
	"WWW, DD NNN YYYY hh:mm:ss GMT", "WWW NNN _D hh:mm:ss YYYY",
	", DD-NNN-yy hh:mm:ss GMT", /* behind the weekday's whole name */
};

static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct parts {
	int day, month, year, hour, minute, second;
	char name[4];
	size_t letters;
};

static int *part_of(struct parts *p, char kind)
{
	switch (kind) {
	case 'D':
	case '_':
		return &p->day;
	case 'Y':
	case 'y':
		return &p->year;
	case 'h':
		return &p->hour;
	case 'm':
		return &p->minute;
	case 's':
		return &p->second;
	default:
		return NULL;
	}
}

static int letter_match(struct parts *p, char kind, char c)
{
	int is_letter = sluice_lower(c) >= 'a' && sluice_lower(c) <= 'z';
	if (kind == 'N' && is_letter)
		p->name[p->letters++] = c;
	return is_letter;
}

static int form_match(const char *form, struct sluice_str text, struct parts *p)
{
	*p = (struct parts){.day = 0};
	if (strlen(form) != text.n)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		char kind = form[i], c = text.p[i];
		int *part = part_of(p, kind);
		if (kind == 'W' || kind == 'N') {
			if (!letter_match(p, kind, c))
				return 0;
		} else if (part && c >= '0' && c <= '9') {
			*part = *part * 10 + (c - '0');
		} else if (part ? kind != '_' || c != ' ' : c != kind) {
			return 0;
		}
	}
	return 1;
}

static int month_of(const char *name)
{
	for (int i = 0; i < 12; i++)
		if (memcmp(names + (ptrdiff_t)3 * i, name, 3) == 0)
			return i + 1;
	return 0;
}

static int is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int month, int year)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Of the proleptic Gregorian calendar, since 1970. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
	for (int m = 1; m < month; m++)
		days += days_of_month(m, year);
	return days + day - 1;
}

static int parts_seconds(struct parts *p, int64_t *seconds)
{
	p->month = month_of(p->name);
	/* A leap second is the last one of its minute. */
	if (p->month == 0 || p->year < 1 || p->day < 1 ||
		p->day > days_of_month(p->month, p->year) || p->hour > 23 || p->minute > 59 ||
		p->second > 60)
		return 0;
	int second = p->second == 60 ? 59 : p->second;
	*seconds = days_since_epoch(p->year, p->month, p->day) * SECONDS_A_DAY + p->hour * 3600 +
		   p->minute * 60 + second;
	return 1;
}

/* More than 50 years ahead means the past one. */
static void century_resolve(struct parts *p, int64_t now_s)
{
	int this_year = (int)(1970 + now_s / 31556952);
	p->year += this_year / 100 * 100;
	if (p->year > this_year + 50)
		p->year -= 100;
}

static struct sluice_str behind_weekday(struct sluice_str text)
{
	size_t n = 0;
	while (n < text.n && sluice_lower(text.p[n]) >= 'a' && sluice_lower(text.p[n]) <= 'z')
		n++;
	return n < 6 || n > 9 ? (struct sluice_str){NULL, 0}
			      : (struct sluice_str){text.p + n, text.n - n};
}

int http_date_parse(struct sluice_str text, int64_t now_s, int64_t *seconds)
{
	struct parts p;
	if (form_match(forms[0], text, &p) || form_match(forms[1], text, &p))
		return parts_seconds(&p, seconds);
	if (!form_match(forms[2], behind_weekday(text), &p))
		return 0;
	century_resolve(&p, now_s);
	return parts_seconds(&p, seconds);
}
