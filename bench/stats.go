package main

import (
	"math"
	"slices"
)

// quantile returns the value below which the share q of xs lies, between two
// of them by linear interpolation. It is NaN for no xs.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(xs))
	at := q * float64(len(sorted)-1)
	low, high := int(math.Floor(at)), int(math.Ceil(at))
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}

func median(xs []float64) float64 { return quantile(xs, 0.5) }

func sum(xs []int) int {
	total := 0
	for _, x := range xs {
		total += x
	}
	return total
}
