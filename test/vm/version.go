package main

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// newestPackage picks the package with the newest kernel of a series. Where a
// version comes in two packages, linux-binary-* holds the kernel and
// linux-image-* only depends on it.
func newestPackage(packages []debPackage, series string) (debPackage, bool) {
	var of []debPackage
	for _, p := range packages {
		if inSeries(p.version, series) {
			of = append(of, p)
		}
	}
	if len(of) == 0 {
		return debPackage{}, false
	}
	return slices.MaxFunc(of, func(a, b debPackage) int {
		return cmp.Or(compareVersions(a.version, b.version), -cmp.Compare(a.name, b.name))
	}), true
}

func inSeries(version, series string) bool {
	rest, ok := strings.CutPrefix(version, series)
	return series == newest || ok && rest != "" && strings.Contains(".-", rest[:1])
}

var numbers = regexp.MustCompile(`[0-9]+`)

// compareVersions compares the numbers in two versions of the kernel package,
// such as 7.1.13-1~bpo13+1, one by one.
func compareVersions(a, b string) int {
	return slices.CompareFunc(numbers.FindAllString(a, -1), numbers.FindAllString(b, -1), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return cmp.Compare(x, y)
	})
}
