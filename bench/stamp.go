package main

import (
	"encoding/binary"
	"time"
)

// A stamp is a point in time that two processes can compare: a struct timespec
// of a 64-bit system.
type stamp struct{ Sec, Nsec int64 }

const stampSize = 16

func (s stamp) sub(t stamp) time.Duration {
	return time.Duration(s.Sec-t.Sec)*time.Second + time.Duration(s.Nsec-t.Nsec)
}

func (s stamp) bytes() []byte {
	b := binary.NativeEndian.AppendUint64(nil, uint64(s.Sec))
	return binary.NativeEndian.AppendUint64(b, uint64(s.Nsec))
}

func stampFrom(b []byte) stamp {
	return stamp{
		Sec:  int64(binary.NativeEndian.Uint64(b)),
		Nsec: int64(binary.NativeEndian.Uint64(b[8:])),
	}
}
