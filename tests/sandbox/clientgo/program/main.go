// Does with client-go what controllers do, against the API server of a kubeconfig, and tells of each part whether it went well.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace = "clientgo"
	patience  = 20 * time.Second
)

// clients are what a program on client-go has of one API server.
type clients struct {
	config    *rest.Config
	typed     kubernetes.Interface
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	discovery discovery.DiscoveryInterface
}

type part struct {
	name string
	run  func(context.Context, *clients) error
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: program KUBECONFIG")
		os.Exit(2)
	}
	all, err := connect(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	parts := []part{
		{"discovery", discover},
		{"openapi", openAPI},
		{"objects", objects},
		{"retry on conflict", retryOnConflict},
		{"pages", pages},
		{"server-side apply", serverSideApply},
		{"scale", scaleClient},
		{"informer with resync", informerWithResync},
		{"watch list", watchList},
		{"retry watcher", retryWatcher},
		{"metadata informer", metadataInformer},
		{"dynamic client", dynamicClient},
		{"leader election", leaderElection},
		{"events", eventSeries},
		{"access", access},
	}
	failed := 0
	for _, one := range parts {
		if err := guarded(one, all); err != nil {
			failed++
			fmt.Printf("failed: %s: %v\n", one.name, err)
			continue
		}
		fmt.Printf("ok: %s\n", one.name)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func guarded(one part, all *clients) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return one.run(ctx, all)
}

func connect(kubeconfig string) (*clients, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	partial, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &clients{config, typed, objects, partial, typed.Discovery()}, nil
}

// eventually looks again until there is nothing to complain of.
func eventually(ctx context.Context, look func() error) error {
	var last error
	for {
		if last = look(); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("in vain: %w", last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
