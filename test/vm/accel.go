package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// trialLimit is ample for a boot that runs no test, under KVM.
const trialLimit = 30 * time.Second

// chooseAccelerator settles on KVM where it really works, else on emulation.
// /dev/kvm alone proves nothing: it exists in virtual machines without nested
// virtualisation, too.
func (m *matrix) chooseAccelerator(ctx context.Context, kernels []kernel) {
	m.accelerator = "tcg"
	reason := ""
	if err := m.tryKVM(ctx, kernels); err != nil {
		reason = " (no kvm: " + err.Error() + ")"
	} else {
		m.accelerator = "kvm"
		m.machine.arch.board = m.machine.arch.kvmBoard
	}
	fmt.Fprintf(m.progress, "vm: QEMU %s, %s%s\n", m.machine.version, m.accelerator, reason)
}

// tryKVM boots the first kernel under KVM if that is likely to work.
func (m *matrix) tryKVM(ctx context.Context, kernels []kernel) error {
	if err := kvmLikely(m.options.arch); err != nil {
		return err
	}
	if len(kernels) == 0 {
		return errors.New("no kernel to try it with")
	}
	trial := *m
	trial.accelerator = "kvm"
	trial.machine.arch.board = m.machine.arch.kvmBoard
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	log := filepath.Join(m.logs, "kvm-trial.log")
	if _, err := trial.start(ctx, kernels[0], nil, log); err != nil {
		return fmt.Errorf("trial boot: %w, see %s", err, log)
	}
	return nil
}

func kvmLikely(arch string) error {
	if arch != runtime.GOARCH {
		return fmt.Errorf("%s on %s", arch, runtime.GOARCH)
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	f.Close()
	if arch != "amd64" {
		return nil // only x86 names the extension in /proc/cpuinfo
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err
	}
	if !hasVirtualization(info) {
		return errors.New("neither vmx nor svm in /proc/cpuinfo")
	}
	return nil
}

var virtualizationFlag = regexp.MustCompile(`(?m)^flags\s*:.*\b(vmx|svm)\b`)

func hasVirtualization(cpuinfo []byte) bool {
	return virtualizationFlag.Match(cpuinfo)
}
