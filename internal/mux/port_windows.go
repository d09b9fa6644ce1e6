package mux

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/windows"
)

var (
	ntdll                           = windows.NewLazySystemDLL("ntdll.dll")
	ntCreateWaitCompletionPacket    = ntdll.NewProc("NtCreateWaitCompletionPacket")
	ntAssociateWaitCompletionPacket = ntdll.NewProc("NtAssociateWaitCompletionPacket")
)

// Port watches processes with one goroutine, and with it a thread: each has a
// wait completion packet, which the kernel queues to a completion port when the
// process exits. The zero Port is ready for use and holds nothing. Requires
// Windows 8; see [PacketsWork].
type Port struct {
	mu      lockorder.Mutex[lockorder.Mux] // guards the fields below
	port    windows.Handle                 // 0 while closed; then no goroutine runs
	packets map[windows.Handle]watch       // that of each
}

// Watch has w told once, when process has exited. The handle need not stay
// open until then: the packet holds on to the process.
func (p *Port) Watch(process windows.Handle, w Watcher) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port == 0 {
		if err := p.open(); err != nil {
			return err
		}
	}
	return p.add(watch{process, w})
}

// add has the packet of a watch queued to the port. The caller holds mu.
func (p *Port) add(w watch) error {
	packet, err := newPacket()
	if err != nil {
		return err
	}
	if err := associate(packet, p.port, w.process); err != nil {
		windows.CloseHandle(packet)
		return err
	}
	p.packets[packet] = w
	return nil
}

// renew has another port take the place of one that a stranger has closed, with all
// watches but those whose own handle is lost. The caller holds mu.
func (p *Port) renew() error {
	lost := p.packets
	if err := p.open(); err != nil {
		return err
	}
	for packet, w := range lost {
		windows.CloseHandle(packet)
		if p.add(w) != nil {
			go w.watcher.DescriptorLost()
		}
	}
	return nil
}

// fail is called when a port can be waited for no more: a stranger has closed it. A wait
// is always under way, so that this is noticed at once.
func (p *Port) fail(port windows.Handle) {
	for {
		p.mu.Lock()
		over := p.port != port || p.renew() == nil
		p.mu.Unlock()
		if over {
			return
		}
		time.Sleep(Linger)
	}
}

// open starts the goroutine that waits. The caller holds mu.
func (p *Port) open() error {
	port, err := newPort()
	if err != nil {
		return err
	}
	p.port = port
	p.packets = make(map[windows.Handle]watch)
	go p.run(port)
	return nil
}

// run calls watchers until the Port has been idle for the linger time.
func (p *Port) run(port windows.Handle) {
	for {
		timeout := uint32(windows.INFINITE)
		if p.idle() {
			timeout = uint32(Linger.Milliseconds())
		}
		packet, err := dequeue(port, timeout)
		switch {
		case errors.Is(err, windows.WAIT_TIMEOUT):
			if p.closeIfIdle(port) {
				return
			}
		case err != nil:
			p.fail(port)
			return
		default:
			p.exited(packet)
		}
	}
}

func (p *Port) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.packets) == 0
}

func (p *Port) exited(packet windows.Handle) {
	p.mu.Lock()
	w, ok := p.packets[packet]
	p.mu.Unlock()
	if !ok {
		return // of a port that was lost
	}
	w.watcher.ExitHeard(0, false)
	p.mu.Lock()
	delete(p.packets, packet)
	p.mu.Unlock()
	windows.CloseHandle(packet) // the next one may get the same number
}

// closeIfIdle reports whether port has served.
func (p *Port) closeIfIdle(port windows.Handle) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port != port {
		return true
	}
	if len(p.packets) > 0 {
		return false
	}
	windows.CloseHandle(p.port)
	p.port, p.packets = 0, nil
	return true
}

// PacketsWork tells what of Port the system refuses, by trying all of it once
// with an event that is set.
func PacketsWork() error { return packetsWork.Err() }

var packetsWork = probe.Probe{Try: func() error {
	procs := []*windows.LazyProc{ntCreateWaitCompletionPacket, ntAssociateWaitCompletionPacket}
	for _, proc := range procs {
		if err := proc.Find(); err != nil {
			return fmt.Errorf("ntdll.dll has no %s: %w", proc.Name, errors.ErrUnsupported)
		}
	}
	event, err := windows.CreateEvent(nil, 1, 1, nil)
	if err != nil {
		return os.NewSyscallError("CreateEvent", err)
	}
	defer windows.CloseHandle(event)
	port, err := newPort()
	if err != nil {
		return err
	}
	defer windows.CloseHandle(port)
	packet, err := newPacket()
	if err != nil {
		return err
	}
	defer windows.CloseHandle(packet)
	if err := associate(packet, port, event); err != nil {
		return err
	}
	const milliseconds = 1000
	got, err := dequeue(port, milliseconds)
	if err == nil && got != packet {
		err = errors.New("the port has another packet than the one of the event")
	}
	return err
}}

func newPort() (windows.Handle, error) {
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	return port, os.NewSyscallError("CreateIoCompletionPort", err)
}

func newPacket() (windows.Handle, error) {
	var packet windows.Handle
	status, _, _ := ntCreateWaitCompletionPacket.Call(
		uintptr(unsafe.Pointer(&packet)), windows.GENERIC_ALL, 0)
	return packet, ntError(ntCreateWaitCompletionPacket, status)
}

// associate has packet queued to port, with itself as the key, once object is
// signalled, at once if it is.
func associate(packet, port, object windows.Handle) error {
	status, _, _ := ntAssociateWaitCompletionPacket.Call(
		uintptr(packet), uintptr(port), uintptr(object), uintptr(packet), 0, 0, 0, 0)
	return ntError(ntAssociateWaitCompletionPacket, status)
}

// dequeue waits for a packet.
func dequeue(port windows.Handle, milliseconds uint32) (packet windows.Handle, err error) {
	var (
		bytes      uint32
		key        uintptr
		overlapped *windows.Overlapped // the packet's ApcContext: none
	)
	err = windows.GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, milliseconds)
	return windows.Handle(key), os.NewSyscallError("GetQueuedCompletionStatus", err)
}

// ntError is the error of an NTSTATUS, which negative numbers report.
func ntError(proc *windows.LazyProc, status uintptr) error {
	if int32(status) >= 0 {
		return nil
	}
	return os.NewSyscallError(proc.Name, windows.NTStatus(status))
}
