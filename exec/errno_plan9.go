package exec

import "syscall"

const noChild = syscall.ErrorString("no living children")

func errnoOf(error) (error, bool) { return nil, false }
