;;; What must be true of any loop that abio lives in: other tasks go on meanwhile, and a cancelled
;;; operation ends once, in its event, and loses nothing.

(define-module (proof)
  #:use-module (abio)
  #:use-module (abio driver)
  #:use-module (abio loop)
  #:use-module (check)
  #:use-module (ice-9 match)
  #:use-module (ice-9 weak-vector)
  #:use-module (rnrs bytevectors)
  #:use-module ((srfi srfi-1) #:select (any append-map))
  #:use-module (srfi srfi-11)
  #:use-module (system foreign)
  #:export (own-loop cancelled-reads))

(define count 8)

(define (make-pipe driver)
  (let ((ends (make-bytevector 16)))
    (check 'pipe (abio 'pipe (driver-id driver) 0
                       (bytevector->pointer ends) (bytevector->pointer ends 8)))
    (values (bytevector-u64-native-ref ends 0) (bytevector-u64-native-ref ends 8))))

(define (own-loop driver read-lines)
  "A task on the loop's timers and one that reads by abio: each waits for the other, so the order is
given.  And reading lines that are all there already leaves the loop its turns."
  (let-values (((reader writer) (make-pipe driver)))
    (let* ((seen (map (lambda (_) (make-future)) (iota 5)))
           (order '())
           (note (lambda (event) (set! order (cons event order))))
           (memory (make-bytevector 16))
           (ticking (spawn (lambda ()
                             (for-each (lambda (seen)
                                         (await (after 1/1000))
                                         (note 'tick)
                                         (write-all driver writer "x")
                                         (await seen))
                                       seen)))))
      (for-each (lambda (seen)
                  (await (start driver 'read reader memory 16 0))
                  (note 'read)
                  (resolve! seen #t))
                seen)
      (await ticking)
      (check-equal "order" (append-map (lambda (_) '(tick read)) seen) (reverse order))
      (release reader writer)))
  (let ((turns 0)
        (reading #t))
    (let again ()
      (set! turns (1+ turns))
      (when reading (later again)))
    (read-lines driver)
    (set! reading #f)
    (check-equal "turns of the loop while lines are read" #t (> turns 100)))
  "yes, a loop over Guile's select")

(define (collect-until thunk)
  "Lets the collector and what it leaves for later have turns; whether THUNK was true in the end."
  (any (lambda (_)
         (gc)
         (await (after 0))
         (thunk))
       (iota 100)))

(define (forgotten-memory weak index)
  (let ((memory (make-bytevector 64)))
    (weak-vector-set! weak index memory)
    memory))

(define (how-many weak)
  (length (filter (lambda (index) (weak-vector-ref weak index)) (iota count))))

(define (cancelled-reads driver)
  "Pipes whose readers wait, are cancelled, and lose nothing.  Their memory is kept by the driver
alone; that of calls that have ended is collected meanwhile."
  (let ((lent (make-weak-vector count #f))
        (ended (make-weak-vector count #f))
        (pipes (map (lambda (_) (call-with-values (lambda () (make-pipe driver)) cons))
                    (iota count))))
    (let ((reads (map (match-lambda*
                        (((reader . _) index)
                         (abio 'clock (forgotten-memory ended index))
                         (start driver 'read reader (forgotten-memory lent index) 64 0)))
                      pipes (iota count))))
      (check-equal "collected after its call" #t
                   (collect-until (lambda () (<= (how-many ended) 1))))
      (check-equal "memory that is kept until its event" count (how-many lent))
      (check-equal "silent reads" #f (any future-done? reads))
      (for-each (lambda (read)
                  (cancel driver read)
                  (check-equal "cancelled read" (constant 'ABIO_E_CANCELED)
                               (with-exception-handler abio-error-code
                                 (lambda () (event-result (await read)))
                                 #:unwind? #t)))
                reads))
    (for-each (match-lambda
                ((reader . writer)
                 (write-all driver writer "every byte")
                 (let* ((memory (make-bytevector 64 0))
                        (event (await (start driver 'read reader memory 64 0))))
                   (check-equal "the next read" "every byte"
                                (substring (utf8->string memory) 0 (event-result event)))
                   (release reader writer))))
              pipes)))
