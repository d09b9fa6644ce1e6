package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func loadAverage() []float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	load := make([]float64, 3)
	if _, err := fmt.Sscan(string(b), &load[0], &load[1], &load[2]); err != nil {
		return nil
	}
	return load
}

// busyShare looks for a moment how much of the CPUs is in use. It is 0 where
// that cannot be known.
func busyShare() float64 {
	busy1, total1, err1 := cpuTicks()
	time.Sleep(300 * time.Millisecond)
	busy2, total2, err2 := cpuTicks()
	if errors.Join(err1, err2) != nil || total2 == total1 {
		return 0
	}
	return float64(busy2-busy1) / float64(total2-total1)
}

// cpuTicks reads the first line of /proc/stat: "cpu", then the ticks spent in
// user, nice, system, idle, iowait, irq, softirq and steal.
func cpuTicks() (busy, total int, err error) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	text, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(text)
	if len(fields) < 9 {
		return 0, 0, fmt.Errorf("/proc/stat: %q", text)
	}
	for i, field := range fields[1:9] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, 0, err
		}
		total += n
		if i != 3 && i != 4 {
			busy += n
		}
	}
	return busy, total, nil
}
