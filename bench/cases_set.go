package main

// setCase is liveCase for those who need no goroutine in Wait: os/exec has no
// such thing, so this shows ward alone.
func setCase() *benchCase {
	return &benchCase{
		name:      "set",
		about:     "-live children at once in a ward.Set, nobody in Wait",
		title:     "%n live children in a ward.Set, nobody in Wait",
		libraries: []string{wardName},
		sizes: func(o options, p programs) ([]int, []string) {
			return capSizes("set", o.Live, liveLimits(p))
		},
		measure: func(lib library, c cell) (samples, error) {
			return measureCrowd(lib, &set{}, c)
		},
		metrics: crowdMetrics,
	}
}
