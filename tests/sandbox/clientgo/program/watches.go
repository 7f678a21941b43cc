package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	watching "k8s.io/client-go/tools/watch"
)

// counts is what a handler has been told.
type counts struct{ added, updated, resynced, deleted atomic.Int32 }

func (c *counts) handler() cache.ResourceEventHandlerFuncs {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { c.added.Add(1) },
		UpdateFunc: func(before, after any) {
			if before.(meta.Object).GetResourceVersion() == after.(meta.Object).GetResourceVersion() {
				c.resynced.Add(1)
			} else {
				c.updated.Add(1)
			}
		},
		DeleteFunc: func(any) { c.deleted.Add(1) },
	}
}

func (c *counts) wait(ctx context.Context, added, updated, deleted int32) error {
	return eventually(ctx, func() error {
		if a, u, d := c.added.Load(), c.updated.Load(), c.deleted.Load(); a < added || u < updated || d < deleted {
			return fmt.Errorf("told of %d additions, %d updates, %d deletions", a, u, d)
		}
		return nil
	})
}

// lifeOf makes, changes and deletes a ConfigMap.
func lifeOf(ctx context.Context, all *clients, name string) error {
	maps := all.typed.CoreV1().ConfigMaps(namespace)
	if _, err := maps.Create(ctx, configMap(name, nil), meta.CreateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Patch(ctx, name, types.MergePatchType, []byte(`{"data":{"a":"b"}}`), meta.PatchOptions{}); err != nil {
		return err
	}
	return maps.Delete(ctx, name, meta.DeleteOptions{})
}

func informerWithResync(ctx context.Context, all *clients) error {
	factory := informers.NewSharedInformerFactoryWithOptions(all.typed, time.Second, informers.WithNamespace(namespace))
	configMaps := factory.Core().V1().ConfigMaps()
	told := &counts{}
	if _, err := configMaps.Informer().AddEventHandler(told.handler()); err != nil {
		return err
	}
	return ran(ctx, factory.Start, factory.Shutdown, func(ctx context.Context) error {
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return fmt.Errorf("%v did not sync", kind)
			}
		}
		if err := lifeOf(ctx, all, "informed"); err != nil {
			return err
		}
		if err := told.wait(ctx, 2, 1, 1); err != nil {
			return err
		}
		listed, err := configMaps.Lister().ConfigMaps(namespace).List(labels.Everything())
		if err != nil || len(listed) != 1 || listed[0].Name != "count" {
			return fmt.Errorf("listed %v, %v", listed, err)
		}
		return eventually(ctx, func() error {
			if told.resynced.Load() == 0 {
				return fmt.Errorf("no resync")
			}
			return nil
		})
	})
}

// ran starts what needs a channel to stop, and waits for its end.
func ran(ctx context.Context, start func(<-chan struct{}), end func(), use func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	start(ctx.Done())
	err := use(ctx)
	cancel()
	end()
	return err
}

func watchList(ctx context.Context, all *clients) error {
	if os.Getenv("KUBE_FEATURE_WatchListClient") != "true" {
		return fmt.Errorf("the feature WatchListClient is off")
	}
	lists := atomic.Int32{}
	maps := all.typed.CoreV1().ConfigMaps(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options meta.ListOptions) (runtime.Object, error) {
			lists.Add(1)
			return maps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options meta.ListOptions) (watch.Interface, error) {
			return maps.Watch(ctx, options)
		},
	}
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	reflector := cache.NewReflectorWithOptions(source, &core.ConfigMap{}, store, cache.ReflectorOptions{})
	done := make(chan struct{})
	inner, cancel := context.WithCancel(ctx)
	go func() { defer close(done); reflector.RunWithContext(inner) }()
	err := eventually(ctx, func() error {
		if keys := store.ListKeys(); len(keys) != 1 || reflector.LastSyncResourceVersion() == "" {
			return fmt.Errorf("stored %v", keys)
		}
		return nil
	})
	cancel()
	<-done
	if err == nil && lists.Load() > 0 {
		return fmt.Errorf("%d lists", lists.Load())
	}
	return err
}

func retryWatcher(ctx context.Context, all *clients) error {
	maps := all.typed.CoreV1().ConfigMaps(namespace)
	listed, err := maps.List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	watcher, err := watching.NewRetryWatcherWithContext(ctx, listed.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options meta.ListOptions) (watch.Interface, error) {
			short := int64(1) // so that it has to resume
			options.TimeoutSeconds = &short
			return maps.Watch(ctx, options)
		},
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	time.Sleep(1500 * time.Millisecond)
	if err := lifeOf(ctx, all, "watched"); err != nil {
		return err
	}
	for _, wanted := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted} {
		select {
		case event := <-watcher.ResultChan():
			if event.Type != wanted {
				return fmt.Errorf("%s, not %s: %v", event.Type, wanted, event.Object)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func metadataInformer(ctx context.Context, all *clients) error {
	factory := metadatainformer.NewFilteredSharedInformerFactory(all.metadata, 0, namespace, nil)
	told := &counts{}
	informer := factory.ForResource(core.SchemeGroupVersion.WithResource("configmaps")).Informer()
	if _, err := informer.AddEventHandler(told.handler()); err != nil {
		return err
	}
	return ran(ctx, factory.Start, factory.Shutdown, func(ctx context.Context) error {
		factory.WaitForCacheSync(ctx.Done())
		if err := lifeOf(ctx, all, "partial"); err != nil {
			return err
		}
		return told.wait(ctx, 2, 1, 1)
	})
}

func object(version, kind, name string, fields map[string]any) *unstructured.Unstructured {
	content := map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name}}
	for key, value := range fields {
		content[key] = value
	}
	return &unstructured.Unstructured{Object: content}
}

func definition() *unstructured.Unstructured {
	properties := map[string]any{"spec": map[string]any{"type": "object", "properties": map[string]any{
		"size": map[string]any{"type": "integer", "minimum": int64(1), "default": int64(2)}}}}
	version := map[string]any{"name": "v1", "served": true, "storage": true,
		"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": properties}}}
	return object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "boxes.example.com", map[string]any{
		"spec": map[string]any{"group": "example.com", "scope": "Namespaced", "versions": []any{version},
			"names": map[string]any{"plural": "boxes", "singular": "box", "kind": "Box"}}})
}

func dynamicClient(ctx context.Context, all *clients) error {
	definitions := all.dynamic.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := definitions.Create(ctx, definition(), meta.CreateOptions{}); err != nil {
		return err
	}
	kind := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "boxes"}
	boxes := all.dynamic.Resource(kind).Namespace(namespace)
	box := object("example.com/v1", "Box", "one", map[string]any{"spec": map[string]any{}})
	if err := eventually(ctx, func() error {
		_, err := boxes.Create(ctx, box, meta.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(all.dynamic, 0, namespace, nil)
	informer := factory.ForResource(kind)
	told := &counts{}
	if _, err := informer.Informer().AddEventHandler(told.handler()); err != nil {
		return err
	}
	return ran(ctx, factory.Start, factory.Shutdown, func(ctx context.Context) error {
		factory.WaitForCacheSync(ctx.Done())
		var found runtime.Object
		if err := eventually(ctx, func() (err error) {
			found, err = informer.Lister().ByNamespace(namespace).Get("one")
			return err
		}); err != nil {
			return err
		}
		size, _, _ := unstructured.NestedInt64(found.(*unstructured.Unstructured).Object, "spec", "size")
		if size != 2 {
			return fmt.Errorf("size %d", size)
		}
		applied := object("example.com/v1", "Box", "one", map[string]any{"spec": map[string]any{"size": int64(3)}})
		if _, err := boxes.Apply(ctx, "one", applied, meta.ApplyOptions{FieldManager: "me", Force: true}); err != nil {
			return err
		}
		if err := boxes.Delete(ctx, "one", meta.DeleteOptions{}); err != nil {
			return err
		}
		if err := told.wait(ctx, 1, 1, 1); err != nil {
			return err
		}
		return definitions.Delete(ctx, "boxes.example.com", meta.DeleteOptions{})
	})
}

func leaderElection(ctx context.Context, all *clients) error {
	leads := make(chan string, 2)
	ends := make(chan string, 2)
	candidate := func(ctx context.Context, name string) {
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  meta.ObjectMeta{Name: "leader", Namespace: namespace},
				Client:     all.typed.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- name },
				OnStoppedLeading: func() { ends <- name },
			},
		})
	}
	first, resign := context.WithCancel(ctx)
	defer resign()
	go candidate(first, "one")
	if leader, err := received(ctx, leads); err != nil || leader != "one" {
		return fmt.Errorf("%s leads, %v", leader, err)
	}
	second, stop := context.WithCancel(ctx)
	defer stop()
	go candidate(second, "two")
	resign()
	if leader, err := received(ctx, ends); err != nil || leader != "one" {
		return fmt.Errorf("%s ended, %v", leader, err)
	}
	if leader, err := received(ctx, leads); err != nil || leader != "two" {
		return fmt.Errorf("%s leads, %v", leader, err)
	}
	lease, err := all.typed.CoordinationV1().Leases(namespace).Get(ctx, "leader", meta.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "two" || *lease.Spec.LeaseTransitions != 1 {
		return fmt.Errorf("lease %v, %v", lease, err)
	}
	stop()
	_, err = received(ctx, ends)
	return err
}

func received(ctx context.Context, names <-chan string) (string, error) {
	select {
	case name := <-names:
		return name, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func eventSeries(ctx context.Context, all *clients) error {
	about, err := all.typed.CoreV1().ConfigMaps(namespace).Get(ctx, "count", meta.GetOptions{})
	if err != nil {
		return err
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: all.typed.EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return err
	}
	defer broadcaster.Shutdown()
	recorder := broadcaster.NewRecorder(scheme.Scheme, "example.com/me")
	for range 3 {
		recorder.Eventf(about, nil, core.EventTypeNormal, "Counted", "Counting", "it has %d", 5)
	}
	return eventually(ctx, func() error {
		found, err := all.typed.EventsV1().Events(namespace).List(ctx, meta.ListOptions{})
		if err != nil {
			return err
		}
		for _, event := range found.Items {
			if event.Reason == "Counted" && event.Series != nil && event.Series.Count >= 2 {
				return nil
			}
		}
		return fmt.Errorf("%d events, none with a series", len(found.Items))
	})
}
