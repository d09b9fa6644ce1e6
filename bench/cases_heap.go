package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
)

// heapCase shows whether the memory of the parent costs a start anything: a
// fork that copies page tables gets slower with every gigabyte.
func heapCase() *benchCase {
	return &benchCase{
		name:      "heap",
		about:     "start+wait with -heap MiB of touched memory in the parent",
		title:     "start+wait beside a touched heap, one at a time",
		libraries: bothLibraries,
		sizes:     heapSizes,
		measure:   measureHeap,
		metrics: []metric{
			{name: "none", label: "none", unit: unitRate, higher: true},
			{name: "heap", label: "%n MiB", unit: unitRate, higher: true},
		},
	}
}

// heapSizes leaves the case out where the memory may not be there: a machine
// that swaps measures its disk.
func heapSizes(o options, _ programs) ([]int, []string) {
	const spareMiB = 512
	free, err := availableMemory()
	if err != nil {
		return nil, []string{fmt.Sprintf("heap: left out, free memory is not known: %v", err)}
	}
	if freeMiB := int(free >> 20); freeMiB < o.HeapMiB+spareMiB {
		return nil, []string{fmt.Sprintf("heap: left out, needs %s MiB and %s MiB to spare, and %s MiB are free",
			thousands(o.HeapMiB), thousands(spareMiB), thousands(freeMiB))}
	}
	return []int{o.HeapMiB}, nil
}

func measureHeap(lib library, c cell) (samples, error) {
	r, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	none, err := r.rate(1, c.Time)
	if err != nil {
		return nil, err
	}
	block := make([]byte, c.Size<<20)
	touch(block)
	heap, err := r.rate(1, c.Time)
	runtime.KeepAlive(block)
	return samples{"none": {none}, "heap": {heap}}, err
}

// touch writes to each page, which exists from then on, on all CPUs: most of
// the time goes into the kernel's page faults.
func touch(block []byte) {
	share := len(block)/runtime.GOMAXPROCS(0) + 1
	var group sync.WaitGroup
	for part := range slices.Chunk(block, share) {
		group.Go(func() {
			for i := 0; i < len(part); i += os.Getpagesize() {
				part[i] = 1
			}
		})
	}
	group.Wait()
}
