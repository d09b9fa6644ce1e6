package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A line of the table has one string for each column; one with a title alone
// runs across all of them.
type line []string

// writeTable prints the report for people.
func (r *report) writeTable(w io.Writer) error {
	var b strings.Builder
	r.writeHeader(&b)
	writeLines(&b, append(r.rowLines(), r.growthLines()...))
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *report) writeHeader(b *strings.Builder) {
	fmt.Fprintln(b, r.Machine)
	if !r.Machine.quiet() {
		fmt.Fprintln(b, "warning: the machine is not quiet: do not trust these figures")
	}
	fmt.Fprintln(b, r.Machine.Capabilities)
	fmt.Fprintf(b, "children: %s\n", r.Children)
	fmt.Fprintf(b, "medians of up to %d interleaved rounds, each figure from a process of its own; %.0f s in all\n\n",
		r.Options.Rounds, r.Seconds)
}

// rowLines are the lines of the rows, with a title before each section.
func (r *report) rowLines() []line {
	libs := r.seen()
	head := append(line{""}, libs...)
	for _, lib := range rivals(libs) {
		head = append(head, "vs "+lib)
	}
	lines := []line{append(head, "rounds")}
	title := ""
	for _, row := range r.Rows {
		if row.Title != title {
			title = row.Title
			lines = append(lines, line{title})
		}
		lines = append(lines, row.line(libs))
	}
	return append(lines, line{})
}

// rivals are the libraries that ward, if it is there, is compared with.
func rivals(libs []string) []string {
	ours := slices.Index(libs, wardName)
	if ours < 0 {
		return nil
	}
	return slices.Delete(slices.Clone(libs), ours, ours+1)
}

func (row row) line(libs []string) line {
	l := line{"  " + row.Label}
	for _, lib := range libs {
		x, ok := row.Values[lib]
		l = append(l, orDash(ok, format(row.Unit, x)))
	}
	for _, lib := range rivals(libs) {
		x, ok := row.Ratios[lib]
		l = append(l, orDash(ok, significant(x)+"x"))
	}
	return append(l, strconv.Itoa(row.Rounds))
}

func (r *report) growthLines() []line {
	if len(r.Growth) == 0 {
		return nil
	}
	lines := []line{{"growth of the cost, 1 is flat"}}
	for _, g := range r.Growth {
		l := line{"  " + g.Label}
		for _, lib := range r.seen() {
			x, ok := g.Values[lib]
			l = append(l, orDash(ok, significant(x)+"x"))
		}
		lines = append(lines, l)
	}
	return append(lines, line{})
}

func orDash(ok bool, s string) string {
	if !ok {
		return "-"
	}
	return s
}

// writeLines pads the columns, the first to the left, the others to the right.
func writeLines(b *strings.Builder, lines []line) {
	var widths []int
	for _, l := range lines {
		for i, s := range l {
			if len(l) == 1 {
				break
			}
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
	}
	for _, l := range lines {
		var text strings.Builder
		for i, s := range l {
			if i == 0 {
				fmt.Fprintf(&text, "%-*s", widths[0], s)
			} else {
				fmt.Fprintf(&text, "  %*s", widths[i], s)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(text.String(), " "))
	}
}

// format writes a value with its unit, in three digits or so.
func format(u unit, x float64) string {
	switch u {
	case unitRate:
		return thousands(int(math.Round(x))) + "/s"
	case unitTime:
		return scaled(x, 1000, "ns", "µs", "ms", "s")
	case unitBytes:
		return scaled(x, 1024, "B", "KiB", "MiB", "GiB")
	}
	if x == math.Trunc(x) || x >= 100 {
		return thousands(int(math.Round(x)))
	}
	return significant(x)
}

// scaled writes x in the largest of the units, each step times the one before,
// that leaves a digit before the point.
func scaled(x, step float64, units ...string) string {
	i := 0
	for ; i < len(units)-1 && math.Abs(x) >= step; i++ {
		x /= step
	}
	return significant(x) + " " + units[i]
}

func significant(x float64) string {
	switch magnitude := math.Abs(x); {
	case magnitude >= 99.95:
		return thousands(int(math.Round(x)))
	case magnitude >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// thousands writes n with commas.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
