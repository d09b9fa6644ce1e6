package main

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	tests := []struct {
		xs   []float64
		q    float64
		want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{10, 0}, 0.25, 2.5},
		{[]float64{5, 1, 3}, 0, 1},
		{[]float64{5, 1, 3}, 1, 5},
	}
	for _, test := range tests {
		if got := quantile(test.xs, test.q); got != test.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", test.xs, test.q, got, test.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v, want NaN", got)
	}
}

func TestQuantileLeavesItsArgumentAlone(t *testing.T) {
	xs := []float64{3, 1, 2}
	quantile(xs, 0.5)
	if xs[0] != 3 || xs[1] != 1 || xs[2] != 2 {
		t.Errorf("samples are now %v", xs)
	}
}
