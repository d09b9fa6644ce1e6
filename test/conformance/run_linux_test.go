package conformance_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/tinyprog"
)

func TestRunEndsAHungExecWithItsContext(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for name, attr := range map[string]*ward.Attr{
		"plain":      {},
		"inherits":   {InheritDescriptors: true},
		"Credential": {Sys: ownCredential()},
	} {
		t.Run(name, func(t *testing.T) {
			own := *attr
			own.Private = childtest.Private
			program := writeSlowProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
			ctx, cancel := context.WithCancel(t.Context())
			type result struct {
				state *ward.State
				err   error
			}
			ended := make(chan result, 1)
			go func() {
				state, err := ward.Run(ctx, program.path, []string{"slow"}, &own)
				ended <- result{state, err}
			}()
			program.awaitExec(t)
			cancel()
			select {
			case r := <-ended:
				if r.err != context.Canceled || r.state == nil || r.state.Success() {
					t.Errorf("got %v, %v", r.state, r.err)
				}
			case <-time.After(20 * time.Second):
				t.Error("Run waits for the exec")
				program.release()
				<-ended
			}
			program.release()
		})
	}
}
